import * as tf from '@tensorflow/tfjs-core';

/** New values of the running statistics that a batch moved, by position among the buffers. */
export type Statistics = { readonly [buffer: string]: tf.Tensor };

/**
 * Runs a forward pass that may move running statistics. The buffers are put back, also where it throws: whether they move is decided
 * with the update.
 *
 * @returns beside the result what the buffers became
 */
export function withStatistics<Result>(
  buffers: readonly (readonly [string, tf.Variable])[],
  forward: () => Result,
): { readonly result: Result; readonly statistics: Statistics } {
  const before = buffers.map(([, buffer]) => tf.clone(buffer));
  const statistics: Record<string, tf.Tensor> = {};
  try {
    return { result: forward(), statistics };
  } finally {
    for (const [i, [, buffer]] of buffers.entries()) {
      if (buffer.dataId === before[i]!.dataId) continue;
      statistics[i] = tf.clone(buffer);
      buffer.assign(before[i]!);
    }
  }
}

/** The mean over chunks of a batch, each weighted by its rows; a buffer counts where a chunk moved it. */
export function meanStatistics(
  chunks: readonly { readonly statistics: Statistics; readonly rows: number }[],
): Statistics {
  const buffers = new Set(chunks.flatMap(({ statistics }) => Object.keys(statistics)));
  return Object.fromEntries(
    [...buffers].map((buffer) => {
      const moved = chunks.flatMap(({ statistics: { [buffer]: value }, rows }) => (value ? [{ value, rows }] : []));
      const total = moved.reduce((sum, { rows }) => sum + rows, 0);
      return [buffer, tf.addN(moved.map(({ value, rows }) => tf.mul(value, rows / total)))];
    }),
  );
}
