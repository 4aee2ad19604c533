import type { Encoded } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import type { DeviceBatch, DeviceTexts } from '../../batches/device-batch.js';

/** Some rows of a batch; one side is null where it has fewer rows, counting negatives, than the other. */
export type Chunk = { images: Pick<DeviceBatch, 'pixels' | 'normalize'> | null; texts: DeviceTexts | null };

/** A tower's output as a compiled function can give and take it. */
export type TowerTensors = { pooled: tf.Tensor2D; sequence: tf.Tensor3D | null; mask: tf.Tensor2D | null };

/** Gradients of the loss with respect to a tower's output; null where the loss does not use it. */
export type EncodedGradient = { pooled: tf.Tensor2D | null; sequence: tf.Tensor3D | null };

/** A batch in chunks of at most `size` rows, each with its first row's number and the rows of its longer side. */
export function chunksOf(batch: DeviceBatch, size: number): { chunk: Chunk; start: number; rows: number }[] {
  const total = Math.max(batch.pixels.shape[0], batch.inputIds.shape[0]);
  return Array.from({ length: Math.ceil(total / size) }, (_, i) => {
    const start = i * size;
    return { chunk: chunkOf(batch, start, size), start, rows: Math.min(size, total - start) };
  });
}

/** `size` rows from `start`, or as many as there are. */
export function chunkOf(batch: DeviceBatch, start: number, size: number): Chunk {
  const cut = <T extends tf.Tensor>(x: T): T => sliceRows(x, start, Math.min(size, x.shape[0]! - start));
  const { pixels, normalize, inputIds, attentionMask, tokenTypeIds, textFeatures } = batch;
  return {
    images: start < pixels.shape[0] ? { pixels: cut(pixels), normalize } : null,
    texts:
      start < inputIds.shape[0]
        ? {
            inputIds: cut(inputIds),
            attentionMask: cut(attentionMask),
            tokenTypeIds: tokenTypeIds && cut(tokenTypeIds),
            textFeatures: textFeatures && cut(textFeatures),
          }
        : null,
  };
}

/** What is kept of a tower's output between the passes. */
export function towerTensors({ pooled, sequence, mask }: Encoded, sequences: boolean): TowerTensors {
  return { pooled, sequence: sequences ? sequence : null, mask: mask ?? null };
}

/** A tower's output again. A loss that reads a sequence which was left out gets an error from tfjs at once. */
export function asEncoded({ pooled, sequence, mask }: TowerTensors): Encoded {
  return { pooled, sequence: sequence as tf.Tensor3D, mask: mask ?? undefined };
}

/** The outputs of all chunks as one. */
export function concatEncoded(chunks: readonly TowerTensors[]): TowerTensors {
  const all = <T extends tf.Tensor>(parts: readonly (T | null)[]): T | null =>
    parts.every((part): part is T => part !== null) ? (tf.concat([...parts] as tf.Tensor[], 0) as T) : null;
  return {
    pooled: all(chunks.map(({ pooled }) => pooled))!,
    sequence: all(chunks.map(({ sequence }) => sequence)),
    mask: all(chunks.map(({ mask }) => mask)),
  };
}

/** The gradients of one chunk's rows; none where it has no rows. */
export function sliceGradient({ pooled, sequence }: EncodedGradient, start: number, rows: number): EncodedGradient {
  if (rows === 0) return { pooled: null, sequence: null };
  return { pooled: pooled && sliceRows(pooled, start, rows), sequence: sequence && sliceRows(sequence, start, rows) };
}

/** 0 where there is none. */
export function rowsOf(x: tf.Tensor | undefined): number {
  return x?.shape[0] ?? 0;
}

function sliceRows<T extends tf.Tensor>(x: T, start: number, size: number): T {
  const rest = x.shape.slice(1);
  return tf.slice(x, [start, ...rest.map(() => 0)], [size, ...rest]) as T;
}
