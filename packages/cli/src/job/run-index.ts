import { existsSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { CheckpointError } from '@diptych/core';
import { type ExactIndex, openIndex } from '@diptych/search';
import { writeIndexFacts } from '@diptych/serve';
import { trainCommand } from '../terminal/command-names.js';
import type { Embedded } from './method.js';

/** What words are compared with: the same as `diptych index` makes, so that `diptych serve` shows it. */
export const BY_WORDS = 'pictures.index';
/** What a picture is compared with, and the matcher reads: pictures alone. */
export const BY_PICTURE = 'pictures-alone.index';
/** How much a picture counts beside its captions where words are looked for. */
const PICTURE_SHARE = 0.5;
/** Rows of a commit. */
const BLOCK = 4096;

/** A picture, and the rows of its pairs. */
interface Picture {
  readonly image: string;
  readonly rows: readonly number[];
}

/**
 * Indexes the pictures of a run beside its model, so that a search embeds nothing but the query. Words are compared with the sum of what a
 * picture is called (its captions' vectors) and half of what it shows: both lie in one space, so their sum is one vector to search.
 */
export async function writeRunIndex(folder: string, { pairs, image, text }: Embedded): Promise<void> {
  const byFile = new Map<string, number[]>();
  for (const [row, pair] of pairs.entries()) byFile.set(pair.image, [...(byFile.get(pair.image) ?? []), row]);
  const pictures = [...byFile].map(([file, rows]): Picture => ({ image: resolve(file), rows }));
  const root = folderOfAll(pictures.map((picture) => picture.image));
  const ids = pictures.map((picture) => relative(root, picture.image).split(sep).join('/'));
  const metadata = pictures.map(({ rows }, i) => {
    const above = dirname(ids[i]!);
    const captions = new Set(rows.map((row) => pairs[row]!.text));
    return { path: ids[i]!, folder: above === '.' ? '' : above, caption: [...captions].join('\n') };
  });
  const vectors = {
    [BY_WORDS]: ({ rows }: Picture) =>
      called(
        image.row(rows[0]!),
        rows.map((row) => text.row(row)),
      ),
    [BY_PICTURE]: ({ rows }: Picture) => image.row(rows[0]!),
  };
  const embedDim = image.shape[1];
  for (const [name, vectorOf] of Object.entries(vectors)) {
    const path = join(folder, name);
    rmSync(path, { recursive: true, force: true }); // of a run that ended while it wrote them
    const index = await openIndex(path, { embedDim });
    for (let from = 0; from < pictures.length; from += BLOCK) {
      const block = pictures.slice(from, from + BLOCK);
      const data = new Float32Array(block.length * embedDim);
      for (const [i, picture] of block.entries()) data.set(vectorOf(picture), i * embedDim);
      await index.add({
        ids: ids.slice(from, from + BLOCK),
        vectors: { data, shape: [block.length, embedDim] },
        metadata: metadata.slice(from, from + BLOCK),
      });
    }
    await index.close();
    await writeIndexFacts(path, { model: folder, pictures: root });
  }
}

/**
 * One of the two indices of a run, to search in.
 *
 * @throws CheckpointError if the run has none
 */
export async function openRunIndex(folder: string, name: typeof BY_WORDS | typeof BY_PICTURE): Promise<ExactIndex> {
  const path = join(folder, name);
  if (existsSync(path)) return openIndex(path, { readonly: true });
  throw new CheckpointError({
    where: folder,
    expected: `an index of its pictures, ${name}`,
    got: 'none there',
    remedy: `train again: ${trainCommand('--fresh')}, or index them with this model: diptych index <pictures>`,
  });
}

/** The direction of a picture's captions, and half of its own. */
function called(image: ArrayLike<number>, texts: readonly ArrayLike<number>[]): Float32Array {
  const sum = new Float32Array(image.length);
  for (const text of texts) for (let i = 0; i < sum.length; i++) sum[i]! += text[i]!;
  const length = Math.hypot(...sum) || 1;
  return sum.map((value, i) => value / length + PICTURE_SHARE * image[i]!);
}

/** The lowest folder that all files lie in. */
function folderOfAll(files: readonly string[]): string {
  let root = dirname(files[0]!);
  for (const file of files) {
    while (!file.startsWith(root.endsWith(sep) ? root : root + sep) && root !== dirname(root)) root = dirname(root);
  }
  return root;
}
