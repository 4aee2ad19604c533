import { checkMatrix, type MatrixData } from '@diptych/core';
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
  queries: MatrixData,
  candidates: MatrixData,
  k: number,
  options?: BlockOptions,
): Promise<Nearest[]> {
  checkMatrix('metrics.topK', 'queries', queries);
  checkMatrix('metrics.topK', 'candidates', candidates);
  const total = candidates.shape[0];
  const results: Nearest[] = [];
  for await (const { rows, scores } of scoreBlocks(queries, candidates, options)) {
    for (let row = 0; row < rows; row++) results.push(largest(scores.subarray(row * total, (row + 1) * total), k));
  }
  return results;
}

/**
 * The k largest of `scores`, largest first, of equal ones the first; entries that are not numbers do not count. By
 * insertion into a short sorted list: k is small.
 */
export function largest(scores: Float32Array, k: number): Nearest {
  const indices: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (Number.isNaN(score) || (indices.length === k && !(score > scores[indices[k - 1]!]!))) continue;
    let place = indices.length;
    while (place > 0 && scores[indices[place - 1]!]! < score) place--;
    indices.splice(place, 0, i);
    if (indices.length > k) indices.pop();
  }
  return { indices: Int32Array.from(indices), scores: Float32Array.from(indices, (i) => scores[i]!) };
}
