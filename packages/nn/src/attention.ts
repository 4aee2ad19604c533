import { ConfigError, checkPositive, checkShape } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Added to the score of a key, or of a column of a loss, that must not be seen. Finite, so that a row without any visible key keeps finite values
 * and gradients; large enough that float32's softmax gives such a key exactly 0 beside any visible one.
 */
export const MASKED_SCORE = -1e9;

/** What {@link scaledDotProductAttention} gives. */
export interface AttentionResult {
  /** [B, heads, queries, headDim]. */
  readonly output: tf.Tensor4D;
  /** [B, heads, queries, keys]; rows sum to 1 (before dropout). */
  readonly weights: tf.Tensor4D;
}

/** Options of {@link scaledDotProductAttention}. */
export interface ScaledDotProductOptions {
  /** Added to the scaled scores; broadcasts to [B, heads, queries, keys]. See {@link attentionBias}. */
  readonly bias?: tf.Tensor;
  /** Factor on the scores, default 1 / sqrt(headDim). */
  readonly scale?: number;
  /** Applied to the weights before they meet the values: dropout, or zeroing of rows. */
  readonly transformWeights?: (weights: tf.Tensor4D) => tf.Tensor4D;
}

/**
 * softmax(q k^T * scale + bias) v (Vaswani et al. 2017; torch.nn.functional.scaled_dot_product_attention).
 *
 * Written as the plain chain of operators that engines recognise and fuse.
 *
 * @param query [B, heads, queries, headDim]
 * @param key [B, heads, keys, headDim]
 * @param value [B, heads, keys, valueDim]
 */
export function scaledDotProductAttention(
  query: tf.Tensor4D,
  key: tf.Tensor4D,
  value: tf.Tensor4D,
  { bias, scale = 1 / Math.sqrt(query.shape[3]), transformWeights }: ScaledDotProductOptions = {},
): AttentionResult {
  const scaled: tf.Tensor4D = tf.mul(tf.matMul(query, key, false, true), scale);
  const weights = tf.softmax<tf.Tensor4D>(bias ? tf.add<tf.Tensor4D>(scaled, bias) : scaled);
  const used = transformWeights ? transformWeights(weights) : weights;
  return { output: tf.matMul(used, value), weights };
}

/** [B, T, heads * headDim] -> [B, heads, T, headDim]. */
export function splitHeads(x: tf.Tensor3D, numHeads: number): tf.Tensor4D {
  checkShape('nn.splitHeads', 'x', x, ['B', 'T', 'D']);
  checkHeads('nn.splitHeads', 'the width', x.shape[2], numHeads);
  const [batch, length, width] = x.shape;
  return tf.transpose(tf.reshape(x, [batch, length, numHeads, width / numHeads]), [0, 2, 1, 3]);
}

/** [B, heads, T, headDim] -> [B, T, heads * headDim]. */
export function mergeHeads(x: tf.Tensor4D): tf.Tensor3D {
  checkShape('nn.mergeHeads', 'x', x, ['B', 'heads', 'T', 'D']);
  const [batch, heads, length, headDim] = x.shape;
  return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, length, heads * headDim]);
}

/**
 * Scores' bias from an attention mask: 0 where the mask is 1, {@link MASKED_SCORE} where it is 0.
 *
 * @param attentionMask [B, keys] with 1 for a real token, of any dtype
 * @returns float32 [B, 1, 1, keys]
 */
export function attentionBias(attentionMask: tf.Tensor2D): tf.Tensor4D {
  checkShape('nn.attentionBias', 'attentionMask', attentionMask, ['B', 'T']);
  const hidden = tf.sub(1, tf.cast(attentionMask, 'float32'));
  const [batch, keys] = attentionMask.shape;
  return tf.reshape(tf.mul(hidden, MASKED_SCORE), [batch, 1, 1, keys]);
}

/** Scores' bias of causal attention, float32 [1, 1, length, length]: no token sees a later one. */
export function causalBias(length: number): tf.Tensor4D {
  checkPositive('nn.causalBias', 'length', length);
  const places = tf.range(0, length, 1, 'int32');
  const later = tf.greater(tf.reshape(places, [1, length]), tf.reshape(places, [length, 1]));
  return tf.reshape(tf.mul(tf.cast(later, 'float32'), MASKED_SCORE), [1, 1, length, length]);
}

/**
 * Checks that the heads share a width evenly.
 *
 * @throws ConfigError if they do not
 */
export function checkHeads(where: string, what: string, width: number, numHeads: number): void {
  if (Number.isInteger(numHeads) && numHeads > 0 && width % numHeads === 0) return;
  throw new ConfigError({ where, expected: `a number of heads that divides ${what} ${width}`, got: String(numHeads) });
}
