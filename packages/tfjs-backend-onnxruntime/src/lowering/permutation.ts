import type { Emitter } from './emitter.js';

/**
 * A square matrix of zeros with a one in each row, at `column` of the row, by default the identity. A product with it puts
 * rows in that order, or turns many small matrices over, in a fifth of the time of `Transpose`, which two threads do not
 * share (docs/engine-notes.md). It makes NaN of an infinite element's neighbours.
 */
export function permutation(e: Emitter, size: number, column: (row: number) => number = (row) => row): string {
  const matrix = new Float32Array(size * size);
  for (let row = 0; row < size; row++) matrix[row * size + column(row)] = 1;
  return e.constant(matrix, [size, size], 'float32');
}

/** Matrices of few rows, [count, rows, columns], as [count, columns, rows]. */
export function turnOver(e: Emitter, matrices: string, shape: readonly [number, number, number]): string {
  if (e.plainProducts) return e.transpose(matrices, [0, 2, 1], shape);
  return e.matmul(matrices, permutation(e, shape[1]), true, false);
}
