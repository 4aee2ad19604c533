import type { MatrixData } from '@diptych/core';
import { HttpError } from '../api/problem.js';

/** A part of a query: a vector, and how much it counts; below 0 for what is not wanted. */
export interface QueryPart {
  readonly vector: Float32Array;
  readonly weight: number;
}

/**
 * One vector for a query of several parts: the weighted sum of their directions, as in the arithmetic of Mikolov et al. 2013. What it
 * scores are cosines with that sum.
 *
 * @returns [1, embedDim], of length 1
 * @throws HttpError 400 if nothing is left of it
 */
export function queryVector(parts: readonly QueryPart[], embedDim: number): MatrixData {
  const sum = new Float64Array(embedDim);
  for (const { vector, weight } of parts) {
    const length = Math.hypot(...vector);
    if (!(length > 0)) continue;
    for (let i = 0; i < embedDim; i++) sum[i]! += (weight * vector[i]!) / length;
  }
  const length = Math.hypot(...sum);
  if (!parts.some(({ weight }) => weight > 0) || !(length > 1e-6)) {
    throw new HttpError(400, {
      where: '/search',
      expected: 'something to look for',
      got: parts.some(({ weight }) => weight > 0) ? 'parts that cancel each other' : 'only what is not wanted',
      remedy: 'add words, a picture, or ids to look for more like',
    });
  }
  return { data: Float32Array.from(sum, (x) => x / length), shape: [1, embedDim] };
}
