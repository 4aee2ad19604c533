import {
  type LabelNumbers,
  lend,
  type PairBatch,
  pixelShape,
  ShapeError,
  type TextInput,
  tokenShape,
} from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import type { RowIds } from '../losses/similarity.js';
import { captionKeys } from './caption-keys.js';
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
  /** int32 [B], or [B, 2] with the captions' numbers beside the ids': rows with an equal number are positives of each other. */
  readonly positives: RowIds;
  /** int32, numbered as `positives`: the rows of pixels and of texts behind the pairs', which stand against them; null where there are none. */
  readonly negatives: { readonly image: RowIds | null; readonly text: RowIds | null };
  /** Labels of the pairs by column, [B] or [B, C]. */
  readonly labels: { readonly [name: string]: tf.Tensor };
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
  return copyRows(batch, batch, {}, false);
}

/**
 * Puts a batch with its negatives and targets on the device. The caller disposes it with `tf.dispose`, and changes no pixel before.
 *
 * @param equalCaptions rows with equal captions are positives of each other, too
 */
export function trainingBatch(
  batch: PairBatch,
  targets: Readonly<Record<string, HostRows>>,
  equalCaptions = true,
): DeviceBatch {
  return copyRows(batch, batch.negatives ? joinNegatives(batch) : batch, targets, equalCaptions);
}

/** Rows on the device, with what is known of them. */
export function copyRows(
  { ids: pairIds, negatives, labels = {} }: PairBatch,
  { pixels, tokens }: JoinedRows,
  targets: Readonly<Record<string, HostRows>>,
  equalCaptions: boolean,
): DeviceBatch {
  const shape = pixelShape(pixels, 'train: batch.pixels');
  const tokensShape = tokenShape(tokens, 'train: batch.tokens');
  const ids = (values: Int32Array) => tf.tensor2d(values, tokensShape, 'int32');
  const images = shape[0] - pairIds.length;
  const texts = tokensShape[0] - pairIds.length;
  const captions = equalCaptions ? captionKeys(tokens) : undefined;
  const relations = relationsOf(
    {
      pairs: pairIds,
      images: images > 0 ? negatives!.image!.ids : [],
      texts: texts > 0 ? negatives!.text!.ids : [],
    },
    captions && { pairs: captions.slice(0, pairIds.length), texts: captions.slice(pairIds.length) },
  );
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
    ...relations,
    labels: Object.fromEntries(
      Object.entries(labels).map(([name, values]) => [name, labelTensor(name, values, pairIds.length)]),
    ),
    targets: Object.fromEntries(
      Object.entries(targets).map(([name, rows]) => [name, tf.tensor(rows.data, [...rows.shape])]),
    ),
  };
}

/** Ids of pairs and of the rows behind them. */
interface RowNames {
  readonly pairs: readonly string[];
  readonly images: readonly string[];
  readonly texts: readonly string[];
}

/**
 * Which rows are positives of each other, as numbers.
 *
 * @param captions what is equal for equal captions, of the pairs and of the negative texts
 */
export function relationsOf(
  { pairs, images, texts }: RowNames,
  captions: Pick<RowNames, 'pairs' | 'texts'> | undefined,
): Pick<DeviceBatch, 'positives' | 'negatives'> {
  const numbered = [numberIds([...pairs, ...images, ...texts])];
  if (captions) {
    const unseen = images.map((_, i) => `picture ${i}`);
    numbered.push(numberIds([...captions.pairs, ...unseen, ...captions.texts]));
  }
  const numbers = (start: number, count: number): RowIds => {
    const columns = numbered.map((column) => column.subarray(start, start + count));
    if (columns.length === 1) return tf.tensor1d(columns[0]!, 'int32');
    const rows = Int32Array.from({ length: 2 * count }, (_, i) => columns[i % 2]![i >> 1]!);
    return tf.tensor2d(rows, [count, 2], 'int32');
  };
  return {
    positives: numbers(0, pairs.length),
    negatives: {
      image: images.length > 0 ? numbers(pairs.length, images.length) : null,
      text: texts.length > 0 ? numbers(pairs.length + images.length, texts.length) : null,
    },
  };
}

/** A column of labels, [B] or [B, C]; int32 where it holds class numbers. */
export function labelTensor(name: string, values: LabelNumbers, rows: number): tf.Tensor {
  const width = values.length / rows;
  if (!Number.isInteger(width) || width === 0) {
    throw new ShapeError({
      where: `train: batch.labels.${name}`,
      expected: `${rows} numbers, or as many for each of ${rows} pairs`,
      got: String(values.length),
    });
  }
  const dtype = values instanceof Int32Array ? 'int32' : 'float32';
  return width === 1 ? tf.tensor1d(values, dtype) : tf.tensor2d(values, [rows, width], dtype);
}

/** Pixels as the network wants them: `(x / 255 - mean) / std` where that is still to do. */
export function normalizedPixels({ pixels, normalize }: Pick<DeviceBatch, 'pixels' | 'normalize'>): tf.Tensor4D {
  if (!normalize) return pixels;
  const mean = normalize.mean.map((value) => value * 255);
  const factor = normalize.std.map((value) => 1 / (255 * value));
  return tf.mul(tf.sub(pixels, mean), factor);
}

/** The text part of a batch. */
export type DeviceTexts = Pick<DeviceBatch, 'inputIds' | 'attentionMask' | 'tokenTypeIds' | 'textFeatures'>;

/** Texts as encoders take them. */
export function textOf({ inputIds, attentionMask, tokenTypeIds, textFeatures }: DeviceTexts): TextInput {
  return {
    inputIds,
    attentionMask,
    ...(tokenTypeIds && { tokenTypeIds }),
    ...(textFeatures && { features: textFeatures }),
  };
}

/** Equal ids get equal numbers, in the order of their first row. */
function numberIds(ids: readonly string[]): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(ids, (id) => {
    if (!numbers.has(id)) numbers.set(id, numbers.size);
    return numbers.get(id)!;
  });
}
