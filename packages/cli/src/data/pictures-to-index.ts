import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { printable } from '@diptych/core';
import { DataError, type PairSource, plainRead } from '@diptych/data';
import type { PictureItem } from '@diptych/serve';
import { type DataLayout, namedPictures, openData } from './open-data.js';

/** Bad pictures that are named one by one. */
const NAMED = 20;

/** A source of pictures, and the folder that they lie in. Pictures of a folder need no captions. */
export function picturesAt(data: string, layout?: DataLayout): { readonly source: PairSource; readonly root: string } {
  const isFolder = statSync(data, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const source = openData(data, 'index', layout);
  if (!isFolder) return { source, root: layout?.pictures ?? dirname(data) };
  const withNames = namedPictures(data, layout?.captions);
  return { source: source.name === withNames.name ? withNames : source, root: data };
}

/** Each picture once, with all of its captions. */
export async function captionedPictures(source: PairSource, bad: BadPictures): Promise<PictureItem[]> {
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
export class BadPictures {
  count = 0;

  add(path: string, reason: Error): void {
    this.count++;
    if (this.count <= NAMED) console.error(`not usable: ${printable(path)}: ${printable(reason.message)}`);
    else if (this.count === NAMED + 1) console.error('further ones are counted only');
  }
}
