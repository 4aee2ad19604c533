import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { DataLoader, type PairSource, folder as pictures } from '@diptych/data';
import { embedCollection, type TowerName } from '@diptych/train/node';
import { load } from 'diptych';
import { loadConfig } from '../config/load-config.js';
import { RUNS } from '../config/train-plan.js';
import { openData } from '../data/open-data.js';
import { ownWords } from '../data/own-words.js';
import { type BackendName, useBackend } from '../engine/backends.js';
import { findFinishedRun } from '../job/runs.js';
import { showCount } from '../terminal/progress.js';
import { keepOutputForJson } from '../terminal/say.js';
import type { RunFlags } from './run-flags.js';

/** What `embed` was asked for, beside its data. */
export interface EmbedFlags extends RunFlags {
  readonly out: string;
  readonly towers: TowerName | 'both';
  readonly backend: BackendName;
  readonly json: boolean;
}

const BATCH = 32;
/** Shells expect 128 + the number of the signal; SIGINT is 2. */
const INTERRUPTED = 130;

/** The work of `diptych embed`: shards of safetensors; the same command goes on after an interruption. */
export async function embed(flags: EmbedFlags, data: string): Promise<void> {
  if (flags.json) keepOutputForJson();
  const { config } = await loadConfig(flags.config, process.cwd());
  await useBackend(flags.backend);
  const model = await load(findFinishedRun(flags.runs ?? config.runs ?? RUNS, flags.run));
  const { transform, tokenizer, tokenize, encoder } = model;
  const loader = new DataLoader(itemsAt(data, flags.towers), {
    transform,
    tokenizer,
    ...tokenize,
    batchSize: BATCH,
    quarantine: false,
  });
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  const progress = showCount('embedded', undefined);
  try {
    const { shards, rows, complete } = await embedCollection(encoder, loader, {
      folder: flags.out,
      towers: flags.towers === 'both' ? ['image', 'text'] : [flags.towers],
      signal: stop.signal,
      onProgress: progress.update,
    });
    progress.stop();
    if (flags.json) console.log(JSON.stringify({ rows, shards, complete }));
    else console.log(`${rows} rows of width ${model.embedDim} in ${shards.length} files in ${flags.out}`);
    if (!complete) process.exitCode = INTERRUPTED;
  } finally {
    progress.stop();
    process.removeListener('SIGINT', interrupt);
    await loader.close();
    model.dispose();
  }
}

/** Pictures need no captions where only they are embedded. */
function itemsAt(data: string, towers: EmbedFlags['towers']): PairSource {
  if (towers !== 'image' || !statSync(data, { throwIfNoEntry: false })?.isDirectory()) return openData(data, 'embed');
  return pictures(data, { withoutCaption: async (path) => (await ownWords(path)) ?? basename(path) });
}
