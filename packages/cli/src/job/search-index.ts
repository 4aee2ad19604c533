import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointError } from '@diptych/core';
import { writeFileAtomically } from '@diptych/core/node';
import { openSafetensors, writeSafetensors } from '@diptych/weights/node';
import { Matrix } from 'diptych';
import type { Pair } from '../data/pair.js';
import { trainCommand } from '../terminal/command-names.js';

const EMBEDDINGS = 'pictures.safetensors';
const ROWS = 'pictures.json';

/** Every picture of a run with the embeddings of the picture and of its caption. */
export interface SearchIndex {
  /** [N, D], L2-normalised. */
  readonly image: Matrix;
  /** [N, D], L2-normalised. */
  readonly text: Matrix;
  readonly pictures: readonly Pick<Pair, 'image' | 'text'>[];
}

/** Stores the pictures of a run beside its model, so that a search embeds nothing but the query. */
export async function writeIndex(folder: string, { image, text, pictures }: SearchIndex): Promise<void> {
  const rows = JSON.stringify(pictures.map(({ image: path, text }) => ({ image: path, text })));
  await writeFileAtomically(join(folder, ROWS), [new TextEncoder().encode(rows)]);
  await writeSafetensors(join(folder, EMBEDDINGS), {
    image: { dtype: 'float32', shape: [...image.shape], data: image.data },
    text: { dtype: 'float32', shape: [...text.shape], data: text.data },
  });
}

/** @throws CheckpointError if the run has no index */
export async function readIndex(folder: string): Promise<SearchIndex> {
  try {
    const file = openSafetensors(join(folder, EMBEDDINGS));
    const embeddings = (name: string) => {
      const { data, shape } = file.read(name);
      return new Matrix(data as Float32Array, [shape[0]!, shape[1]!]);
    };
    const pictures = JSON.parse(await readFile(join(folder, ROWS), 'utf8')) as SearchIndex['pictures'];
    return { image: embeddings('image'), text: embeddings('text'), pictures };
  } catch (cause) {
    throw new CheckpointError(
      {
        where: folder,
        problem: 'the pictures of this run cannot be read',
        remedy: `train again: ${trainCommand('--fresh')}`,
      },
      { cause },
    );
  }
}

/** How much a picture counts beside its caption where words are looked for. */
const PICTURE_SHARE = 0.5;

/**
 * What words are compared with: the caption's vector, which says what the picture is called, and half the picture's, which
 * says what else it shows. Both lie in one space, so their sum is one vector to search.
 */
export function captionedPictures({ image, text }: SearchIndex): Matrix {
  return new Matrix(
    text.data.map((value, i) => value + PICTURE_SHARE * image.data[i]!),
    text.shape,
  );
}
