import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { printable } from '@diptych/core';
import { DataError, type PairSource, plainRead } from '@diptych/data';
import { openIndex, type Precision } from '@diptych/search';
import { type IndexedCounts, indexPictures, type PictureItem, writeIndexFacts } from '@diptych/serve';
import { load } from 'diptych';
import { type Captions, namedPictures, openData } from '../data/open-data.js';
import { type BackendName, useBackend } from '../engine/backends.js';
import { INTERRUPTED, interruptible } from '../terminal/interruption.js';
import { showCount } from '../terminal/progress.js';
import { keepOutputForJson, say } from '../terminal/say.js';
import { askedRun } from './asked-run.js';
import type { RunFlags } from './flags.js';

/** What `index` was asked for, beside its data. */
export interface IndexFlags extends RunFlags {
  readonly captions?: Captions;
  readonly out: string;
  readonly vectors: 'both' | 'picture';
  readonly precision: Precision;
  readonly backend: BackendName;
  readonly json: boolean;
}

/** Bad pictures that are named one by one. */
const NAMED = 20;

/** The work of `diptych index`. */
export async function index(flags: IndexFlags, data: string): Promise<void> {
  if (flags.json) keepOutputForJson();
  const run = await askedRun(flags);
  const { source, root } = picturesAt(data, flags.captions);
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

/** A source of pictures, and the folder that they lie in. Pictures of a folder need no captions. */
function picturesAt(data: string, captions?: Captions): { readonly source: PairSource; readonly root: string } {
  const isFolder = statSync(data, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const source = openData(data, 'index', captions);
  if (!isFolder) return { source, root: dirname(data) };
  const withNames = namedPictures(data, captions);
  return { source: source.name === withNames.name ? withNames : source, root: data };
}

/** Each picture once, with all of its captions. */
async function captionedPictures(source: PairSource, bad: BadPictures): Promise<PictureItem[]> {
  const found = new Map<string, string[]>();
  for await (const { image, text, origin } of source.read(plainRead((error) => bad.add(error.origin.file, error)))) {
    if (image.kind !== 'file') {
      const parts = {
        expected: 'the path of a picture',
        got: `its ${image.kind} in the table`,
        remedy: 'write the pictures into files, which a search can show',
      };
      bad.add(origin.file, new DataError('missing-file', origin, parts));
      continue;
    }
    const captions = found.get(image.path) ?? [];
    found.set(image.path, captions);
    for (const caption of typeof text === 'string' ? [text] : text) {
      // the name of a file that says nothing
      if (caption !== basename(image.path) && !captions.includes(caption)) captions.push(caption);
    }
  }
  return [...found].map(([path, captions]) => ({ path, captions }));
}

/** Names the first of what cannot be used, and counts all. */
class BadPictures {
  count = 0;

  add(path: string, reason: Error): void {
    this.count++;
    if (this.count <= NAMED) console.error(`not usable: ${printable(path)}: ${printable(reason.message)}`);
    else if (this.count === NAMED + 1) console.error('further ones are counted only');
  }
}
