import { openIndex, type Precision } from '@diptych/search';
import { type IndexedCounts, indexPictures, writeIndexFacts } from '@diptych/serve';
import { load } from 'diptych';
import type { DataLayout } from '../data/open-data.js';
import { BadPictures, captionedPictures, picturesAt } from '../data/pictures-to-index.js';
import { type BackendName, useBackend } from '../engine/backends.js';
import { INTERRUPTED, interruptible } from '../terminal/interruption.js';
import { showCount } from '../terminal/progress.js';
import { keepOutputForJson, say } from '../terminal/say.js';
import { askedRun } from './asked-run.js';
import type { RunFlags } from './flags.js';

/** What `index` was asked for, beside its data. */
export interface IndexFlags extends RunFlags, DataLayout {
  readonly out: string;
  readonly vectors: 'both' | 'picture';
  readonly precision: Precision;
  readonly backend: BackendName;
  readonly json: boolean;
}

/** The work of `diptych index`. */
export async function index(flags: IndexFlags, data: string): Promise<void> {
  if (flags.json) keepOutputForJson();
  const run = await askedRun(flags);
  const { source, root } = picturesAt(data, flags);
  const bad = new BadPictures();
  await useBackend(flags.backend);
  const model = await load(run);
  const progress = showCount('indexed', undefined);
  try {
    await interruptible(async (signal) => {
      const target = await openIndex(flags.out, { embedDim: model.embedDim, precision: flags.precision });
      try {
        await writeIndexFacts(flags.out, { model: run, pictures: root });
        const items = await captionedPictures(source, bad);
        const counts = await indexPictures(target, model, items, {
          root,
          vectors: flags.vectors,
          signal,
          onProgress: ({ added, unchanged }) => progress.update(added + unchanged),
          onBad: (path, reason) => bad.add(path, reason),
        });
        progress.stop();
        report(flags, await target.count(), { ...counts, bad: bad.count });
        if (signal.aborted) process.exitCode = INTERRUPTED;
      } finally {
        await target.close();
      }
    });
  } finally {
    progress.stop();
    model.dispose();
  }
}

function report({ out, json }: IndexFlags, rows: number, counts: IndexedCounts): void {
  if (json) {
    console.log(JSON.stringify({ index: out, rows, ...counts }));
    return;
  }
  const { added, unchanged, removed, bad } = counts;
  say(
    `${rows} pictures in ${out}: ${added} new or changed, ${unchanged} as before, ${removed} gone, ${bad} not usable`,
  );
  say(`diptych serve ${out}`);
}
