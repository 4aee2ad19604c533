import { lend, type PairBatch, pixelShape, tokenShape } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { type JoinedRows, joinNegatives } from './negative-rows.js';

/** A batch on the device, as a compiled step takes it: tensors and static values only. */
export interface DeviceBatch {
  /** float32 [B + negatives, height, width, channels]; 0 to 255 where `normalize` is not null. */
  readonly pixels: tf.Tensor4D;
  /** Mean and standard deviation of each channel, on the scale of 0 to 1. */
  readonly normalize: { readonly mean: number[]; readonly std: number[] } | null;
  /** int32 [B + negatives, T]. */
  readonly inputIds: tf.Tensor2D;
  readonly attentionMask: tf.Tensor2D;
  readonly tokenTypeIds: tf.Tensor2D | null;
  /** float32 [B, F], vectors that a frozen text tower gave before. */
  readonly textFeatures: tf.Tensor2D | null;
  /** int32 [B]: rows with equal numbers are positives of each other. */
  readonly positives: tf.Tensor1D;
  /** int32, numbered as `positives`: the rows of pixels and of texts behind the pairs', which stand against them; null where there are none. */
  readonly negatives: { readonly image: tf.Tensor1D | null; readonly text: tf.Tensor1D | null };
  /** What a loss needs beside the model's outputs, row by row. */
  readonly targets: { readonly [name: string]: tf.Tensor };
}

/** Rows of numbers that belong to a batch: the shape's first entry is the batch's size. */
export interface HostRows {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Puts the pairs of a batch on the device. The caller disposes it with `tf.dispose`, and changes no pixel before. */
export function toDevice(batch: PairBatch): DeviceBatch {
  return copyRows(batch, batch, {});
}

/** Puts a batch with its negatives and targets on the device. The caller disposes it with `tf.dispose`, and changes no pixel before. */
export function trainingBatch(batch: PairBatch, targets: Readonly<Record<string, HostRows>>): DeviceBatch {
  return batch.negatives ? copyRows(batch, joinNegatives(batch), targets) : copyRows(batch, batch, targets);
}

function copyRows(
  { ids: pairIds, negatives }: PairBatch,
  { pixels, tokens }: JoinedRows,
  targets: Readonly<Record<string, HostRows>>,
): DeviceBatch {
  const shape = pixelShape(pixels, 'train: batch.pixels');
  const tokensShape = tokenShape(tokens, 'train: batch.tokens');
  const ids = (values: Int32Array) => tf.tensor2d(values, tokensShape, 'int32');
  const images = shape[0] - pairIds.length;
  const texts = tokensShape[0] - pairIds.length;
  const others = [...(images > 0 ? negatives!.image!.ids : []), ...(texts > 0 ? negatives!.text!.ids : [])];
  const numbered = numberIds([...pairIds, ...others]);
  const numbers = (start: number, count: number) => tf.tensor1d(numbered.subarray(start, start + count), 'int32');
  const floats = pixels.data instanceof Float32Array ? pixels.data : Float32Array.from(pixels.data);
  return {
    pixels: tf.tensor4d(lend(floats), shape),
    normalize: pixels.normalize ? { mean: [...pixels.normalize.mean], std: [...pixels.normalize.std] } : null,
    inputIds: ids(tokens.inputIds),
    attentionMask: ids(tokens.attentionMask),
    tokenTypeIds: tokens.tokenTypeIds ? ids(tokens.tokenTypeIds) : null,
    textFeatures: tokens.features
      ? tf.tensor2d(tokens.features, [tokensShape[0], tokens.features.length / tokensShape[0]])
      : null,
    positives: numbers(0, pairIds.length),
    negatives: {
      image: images > 0 ? numbers(pairIds.length, images) : null,
      text: texts > 0 ? numbers(pairIds.length + images, texts) : null,
    },
    targets: Object.fromEntries(
      Object.entries(targets).map(([name, rows]) => [name, tf.tensor(rows.data, [...rows.shape])]),
    ),
  };
}

/** Pixels as the network wants them: `(x / 255 - mean) / std` where that is still to do. */
export function normalizedPixels({ pixels, normalize }: Pick<DeviceBatch, 'pixels' | 'normalize'>): tf.Tensor4D {
  if (!normalize) return pixels;
  const mean = normalize.mean.map((value) => value * 255);
  const factor = normalize.std.map((value) => 1 / (255 * value));
  return tf.mul(tf.sub(pixels, mean), factor);
}

/** Equal ids get equal numbers, in the order of their first row. */
function numberIds(ids: readonly string[]): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(ids, (id) => {
    if (!numbers.has(id)) numbers.set(id, numbers.size);
    return numbers.get(id)!;
  });
}
