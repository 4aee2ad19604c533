import { statSync } from 'node:fs';
import { DataLoader, type PairSource } from '@diptych/data';
import { embedCollection, type TowerName } from '@diptych/train/node';
import { load } from 'diptych';
import { namedPictures, openData } from '../data/open-data.js';
import { type BackendName, useBackend } from '../engine/backends.js';
import { INTERRUPTED, interruptible } from '../terminal/interruption.js';
import { showCount } from '../terminal/progress.js';
import { keepOutputForJson } from '../terminal/say.js';
import { askedRun } from './asked-run.js';
import type { RunFlags } from './flags.js';

/** What `embed` was asked for, beside its data. */
export interface EmbedFlags extends RunFlags {
  readonly out: string;
  readonly towers: TowerName | 'both';
  readonly backend: BackendName;
  readonly json: boolean;
}

const BATCH = 32;

/** The work of `diptych embed`: shards of safetensors; the same command goes on after an interruption. */
export async function embed(flags: EmbedFlags, data: string): Promise<void> {
  if (flags.json) keepOutputForJson();
  const run = await askedRun(flags);
  await useBackend(flags.backend);
  const model = await load(run);
  const { transform, tokenizer, tokenize, encoder } = model;
  const loader = new DataLoader(itemsAt(data, flags.towers), {
    transform,
    tokenizer,
    ...tokenize,
    batchSize: BATCH,
    quarantine: false,
  });
  const progress = showCount('embedded', undefined);
  try {
    const { shards, rows, complete } = await interruptible((signal) =>
      embedCollection(encoder, loader, {
        folder: flags.out,
        towers: flags.towers === 'both' ? ['image', 'text'] : [flags.towers],
        signal,
        onProgress: progress.update,
      }),
    );
    progress.stop();
    if (flags.json) console.log(JSON.stringify({ rows, shards, complete }));
    else console.log(`${rows} rows of width ${model.embedDim} in ${shards.length} files in ${flags.out}`);
    if (!complete) process.exitCode = INTERRUPTED;
  } finally {
    progress.stop();
    await loader.close();
    model.dispose();
  }
}

/** Pictures need no captions where only they are embedded. */
function itemsAt(data: string, towers: EmbedFlags['towers']): PairSource {
  if (towers !== 'image' || !statSync(data, { throwIfNoEntry: false })?.isDirectory()) return openData(data, 'embed');
  return namedPictures(data);
}
