import type { Embeddings } from './embeddings.js';
import { type BlockOptions, scoreBlocks } from './score-blocks.js';

/** The best candidates of one query, best first. */
export interface Nearest {
  readonly indices: Int32Array;
  /** Cosine similarities. */
  readonly scores: Float32Array;
}

/**
 * The k candidates that are most similar to each query, by cosine; of equal ones the first. All candidates are
 * compared (exact search), in blocks of bounded memory.
 *
 * @param queries [N, D]; need not be normalised
 * @param candidates [M, D]
 * @throws ShapeError if the widths differ
 */
export async function topK(
  queries: Embeddings,
  candidates: Embeddings,
  k: number,
  options?: BlockOptions,
): Promise<Nearest[]> {
  const total = candidates.shape[0];
  const results: Nearest[] = [];
  for await (const { rows, scores } of scoreBlocks(queries, candidates, options)) {
    for (let row = 0; row < rows; row++) results.push(best(scores.subarray(row * total, (row + 1) * total), k));
  }
  return results;
}

/** The k largest of `scores` by insertion into a short sorted list. */
function best(scores: Float32Array, k: number): Nearest {
  const size = Math.min(k, scores.length);
  const indices = new Int32Array(size);
  const values = new Float32Array(size).fill(Number.NEGATIVE_INFINITY);
  let filled = 0;
  for (let i = 0; i < scores.length; i++) {
    const score = Number.isNaN(scores[i]!) ? Number.NEGATIVE_INFINITY : scores[i]!;
    if (filled === size && score <= values[size - 1]!) continue;
    let place = Math.min(filled, size - 1);
    while (place > 0 && values[place - 1]! < score) {
      values[place] = values[place - 1]!;
      indices[place] = indices[place - 1]!;
      place--;
    }
    values[place] = score;
    indices[place] = i;
    if (filled < size) filled++;
  }
  return { indices, scores: values };
}
