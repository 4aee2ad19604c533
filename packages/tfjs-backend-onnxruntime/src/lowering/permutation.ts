import { sizeOf } from '@diptych/graph';
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

/**
 * A transposition that leaves the last axis in its place, as one Gather of its rows: two threads share it, and take half
 * the time of `Transpose` for a large filter (docs/engine-notes.md). The result is [rows, last axis].
 */
export function moveRows(e: Emitter, x: string, shape: readonly number[], perm: readonly number[]): string {
  const outer = shape.slice(0, -1);
  const count = sizeOf(outer);
  const places = e.shared(`rows:${JSON.stringify([shape, perm])}`, () =>
    e.constant(rowsInOrder(outer, perm), [count], 'int32'),
  );
  return e.op('Gather', [e.reshape(x, [count, shape.at(-1)!]), places], { axis: 0 });
}

/** Flat positions of the elements of a transposed array. */
function rowsInOrder(shape: readonly number[], perm: readonly number[]): Int32Array {
  let starts = Int32Array.of(0);
  for (const axis of perm) {
    const [size, stride] = [shape[axis]!, sizeOf(shape.slice(axis + 1))];
    const places = new Int32Array(starts.length * size);
    for (let i = 0; i < places.length; i++) places[i] = starts[Math.floor(i / size)]! + (i % size) * stride;
    starts = places;
  }
  return starts;
}
