import { checkShape, type Encoded } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/** Tokens of a batch, and which of them are real. */
export interface Tokens {
  /** [B, T, D]. */
  readonly values: tf.Tensor3D;
  /** float32 [B, T], 1 where a token is real; absent where all are. */
  readonly mask?: tf.Tensor2D;
}

/**
 * An encoder's sequence, with its pooled vector as first token: a place that is always visible and gathers what the
 * fusion finds.
 *
 * @throws ShapeError if the sequence does not have the pooled vector's batch and width
 */
export function withPooledToken(where: string, { pooled, sequence, mask }: Encoded): Tokens {
  const [batch, width] = pooled.shape;
  checkShape(where, 'sequence', sequence, [batch, 'T', width]);
  const values: tf.Tensor3D = tf.concat([tf.reshape(pooled, [batch, 1, width]), sequence], 1);
  if (!mask) return { values };
  checkShape(where, 'mask', mask, [batch, sequence.shape[1]]);
  return { values, mask: tf.concat<tf.Tensor2D>([tf.ones([batch, 1]), mask], 1) };
}

/** Both lists of tokens as one, [B, T1 + T2, D]. */
export function joinTokens(a: Tokens, b: Tokens): Tokens {
  const values = tf.concat([a.values, b.values], 1);
  if (!a.mask && !b.mask) return { values };
  const maskOf = ({ values: { shape }, mask }: Tokens) => mask ?? tf.ones([shape[0], shape[1]]);
  return { values, mask: tf.concat([maskOf(a), maskOf(b)], 1) };
}

/** torch's key_padding_mask: 1 where a token is to be ignored. */
export function paddingOf({ mask }: Tokens): tf.Tensor2D | undefined {
  return mask && tf.sub<tf.Tensor2D>(1, mask);
}
