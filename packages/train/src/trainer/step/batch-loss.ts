import {
  type Context,
  checkLossOutput,
  type Encoded,
  type LossBatch,
  type LossValues,
  type TowerOutputs,
} from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import type { DeviceBatch } from '../../batches/device-batch.js';
import { firstRows } from '../../gather-rows.js';
import type { StepParts } from './step-parts.js';

/** What a loss is told of the pairs beside what the towers gave. */
export type PairRelations = Pick<DeviceBatch, 'positives' | 'labels' | 'targets' | 'negatives'>;

/**
 * The loss of a batch, from what the towers gave for all of its rows.
 *
 * @param image of the pairs, then of the negatives
 * @param text the same
 */
export function lossOf<Outputs extends TowerOutputs>(
  { model, loss }: Pick<StepParts<Outputs>, 'model' | 'loss'>,
  image: Encoded,
  text: Encoded,
  { positives, labels, targets, negatives: numbers }: PairRelations,
  context: Context,
): LossValues {
  const size = positives.shape[0];
  const negatives = (numbers.image ?? numbers.text) && {
    ...(numbers.image && { image: { pooled: lastRows(image.pooled, size), ids: numbers.image } }),
    ...(numbers.text && { text: { pooled: lastRows(text.pooled, size), ids: numbers.text } }),
  };
  const outputs = model.relate(
    numbers.image ? firstRows(image, size) : image,
    numbers.text ? firstRows(text, size) : text,
    context,
  );
  const batch: LossBatch = { size, positives, labels, targets, ...(negatives && { negatives }) };
  return checkLossOutput('train.Trainer: loss', loss.compute(outputs, batch, context));
}

function lastRows(rows: tf.Tensor2D, start: number): tf.Tensor2D {
  return tf.slice(rows, [start, 0], [rows.shape[0] - start, -1]);
}
