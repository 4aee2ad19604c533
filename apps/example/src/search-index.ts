import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '@diptych/core';
import { openSafetensors, writeFileAtomically, writeSafetensors } from '@diptych/weights/node';
import { Matrix } from 'diptych';
import type { Pair } from './emoji.js';

const EMBEDDINGS = 'pictures.safetensors';
const ROWS = 'pictures.json';

/** Every picture of a run with its embedding. */
export interface SearchIndex {
  /** [N, D], L2-normalised. */
  readonly image: Matrix;
  readonly pictures: readonly Pick<Pair, 'image' | 'text'>[];
}

/** Stores the pictures of a run beside its model, so that a search embeds nothing but the query. */
export async function writeIndex(folder: string, { image, pictures }: SearchIndex): Promise<void> {
  const rows = JSON.stringify(pictures.map(({ image: path, text }) => ({ image: path, text })));
  await writeFileAtomically(join(folder, ROWS), [new TextEncoder().encode(rows)]);
  await writeSafetensors(join(folder, EMBEDDINGS), {
    image: { dtype: 'float32', shape: [...image.shape], data: image.data },
  });
}

/** @throws CheckpointError if the run has no index */
export async function readIndex(folder: string): Promise<SearchIndex> {
  try {
    const { data, shape } = openSafetensors(join(folder, EMBEDDINGS)).read('image');
    const pictures = JSON.parse(await readFile(join(folder, ROWS), 'utf8')) as SearchIndex['pictures'];
    return { image: new Matrix(data as Float32Array, [shape[0]!, shape[1]!]), pictures };
  } catch (cause) {
    throw new CheckpointError(
      {
        where: folder,
        problem: 'the pictures of this run cannot be read',
        remedy: 'train again: npm start -- --fresh',
      },
      { cause },
    );
  }
}
