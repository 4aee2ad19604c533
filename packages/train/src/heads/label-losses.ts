import { checkOptions, checkShape } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/** Options of {@link crossEntropy}. */
export interface CrossEntropyTerms {
  /** float32 [C]: how much an item of each class counts. Default 1. */
  readonly classWeights?: tf.Tensor1D;
  /** Share of the target that is spread over all classes, default 0. */
  readonly labelSmoothing?: number;
}

const TERMS = { classWeights: 'optional', labelSmoothing: 'optional' } as const;

/**
 * Cross-entropy of classes, torch's `cross_entropy` with `weight`, `label_smoothing` and `ignore_index=-1`: the mean over the rows that
 * have a class, by the weights of their classes.
 *
 * @param logits [B, C]
 * @param classes [B], from 0; below 0 where an item has none
 * @returns a scalar; 0 where no row has a class
 */
export function crossEntropy(logits: tf.Tensor2D, classes: tf.Tensor, terms: CrossEntropyTerms = {}): tf.Scalar {
  checkShape('train.crossEntropy', 'logits', logits, ['B', 'C']);
  checkOptions('train.crossEntropy', terms, TERMS);
  const { classWeights, labelSmoothing = 0 } = terms;
  const [rows, count] = logits.shape;
  checkShape('train.crossEntropy', 'classes', classes, [rows]);
  const known = tf.cast(tf.greaterEqual(classes, 0), 'float32');
  const index = tf.cast(tf.maximum(classes, 0), 'int32');
  const chosen = tf.mul(tf.cast(tf.oneHot(index, count), 'float32'), tf.reshape(known, [rows, 1])); // [B, C]
  const weighted = classWeights ? tf.mul(chosen, classWeights) : chosen;
  const logProbability = tf.logSoftmax(logits);
  // -sum / sum of weights; an epoch's last batch may have no label at all
  const total = tf.maximum(tf.sum(weighted), 1e-12);
  const ofClass: tf.Scalar = tf.div(tf.sum(tf.mul(weighted, logProbability)), total);
  if (labelSmoothing === 0) return tf.neg(ofClass);
  const everywhere = classWeights ? tf.mul(logProbability, classWeights) : logProbability;
  const spread = tf.div(tf.sum(tf.mul(tf.sum(everywhere, 1), known)), tf.mul(total, count));
  return tf.neg(tf.add<tf.Scalar>(tf.mul(ofClass, 1 - labelSmoothing), tf.mul(spread, labelSmoothing)));
}

/** Options of {@link binaryCrossEntropy}. */
export interface BinaryCrossEntropyTerms {
  /** float32 [C]: how much a positive of each label counts. Default 1. */
  readonly classWeights?: tf.Tensor1D;
  /** Moves targets from 0 and 1 by half of this share, default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Binary cross-entropy of several labels an item, torch's `binary_cross_entropy_with_logits` with `pos_weight`: the mean over all
 * entries but those that are NaN.
 *
 * @param logits [B, C]
 * @param labels [B, C], 0 or 1; NaN where it is not known
 */
export function binaryCrossEntropy(
  logits: tf.Tensor2D,
  labels: tf.Tensor,
  terms: BinaryCrossEntropyTerms = {},
): tf.Scalar {
  checkShape('train.binaryCrossEntropy', 'logits', logits, ['B', 'C']);
  checkOptions('train.binaryCrossEntropy', terms, TERMS);
  const { classWeights, labelSmoothing = 0 } = terms;
  checkShape('train.binaryCrossEntropy', 'labels', labels, [...logits.shape]);
  const { values, known } = withoutGaps(labels);
  const target = labelSmoothing === 0 ? values : tf.add(tf.mul(values, 1 - labelSmoothing), labelSmoothing / 2);
  const negative = tf.mul(tf.sub(1, target), logits);
  const factor = classWeights ? tf.add(tf.mul(tf.sub(classWeights, 1), target), 1) : undefined;
  const soft = tf.softplus(tf.neg(logits));
  const losses = tf.add(negative, factor ? tf.mul(factor, soft) : soft);
  return meanOf(losses, known);
}

/**
 * Mean squared error, torch's `mse_loss`: over all entries but those that are NaN.
 *
 * @param predictions [B, C]
 * @param targets [B, C]
 */
export function meanSquaredError(predictions: tf.Tensor2D, targets: tf.Tensor): tf.Scalar {
  checkShape('train.meanSquaredError', 'predictions', predictions, ['B', 'C']);
  checkShape('train.meanSquaredError', 'targets', targets, [...predictions.shape]);
  const { values, known } = withoutGaps(targets);
  return meanOf(tf.square(tf.sub(predictions, values)), known);
}

/** Zeros in the place of NaN, and 0 where it stood. */
function withoutGaps(labels: tf.Tensor): { values: tf.Tensor; known: tf.Tensor } {
  const missing = tf.isNaN(labels);
  return {
    values: tf.where(missing, tf.zerosLike(labels), labels),
    known: tf.sub(1, tf.cast(missing, 'float32')),
  };
}

function meanOf(losses: tf.Tensor, known: tf.Tensor): tf.Scalar {
  return tf.div(tf.sum(tf.mul(losses, known)), tf.maximum(tf.sum(known), 1));
}
