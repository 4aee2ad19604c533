import type { TextInput } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/** Rows of ids as a batch, padded on the right with 0. */
export function tokens(rows: readonly (readonly number[])[], padTo = 0): TextInput {
  const length = Math.max(padTo, ...rows.map((row) => row.length));
  const fill = (value: (row: readonly number[], at: number) => number) =>
    tf.tensor2d(
      rows.flatMap((row) => Array.from({ length }, (_, at) => value(row, at))),
      [rows.length, length],
      'int32',
    );
  return {
    inputIds: fill((row, at) => row[at] ?? 0),
    attentionMask: fill((row, at) => (at < row.length ? 1 : 0)),
  };
}
