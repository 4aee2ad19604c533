import { ConfigError, checkTensors } from '@diptych/core';
import { MASKED_SCORE, tokenAt } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** How a sequence becomes one vector: its first token, the mean or the maximum over its real tokens. */
export type SequencePooling = 'cls' | 'mean' | 'max';

/**
 * Pools a sequence.
 *
 * Mean and max look at real tokens only; a row without any gives zeros (mean) or its masked values (max).
 *
 * @param sequence [B, T, D]
 * @param mask float32 [B, T], 1 for a real token
 * @returns [B, D]
 * @throws ConfigError for a pooling that there is not
 */
export function poolSequence(sequence: tf.Tensor3D, mask: tf.Tensor2D, pooling: SequencePooling): tf.Tensor2D {
  const known = Object.keys(POOLINGS);
  if (!known.includes(pooling)) {
    throw new ConfigError({
      where: 'text.poolSequence',
      expected: `pooling to be one of ${known.join(', ')}`,
      got: String(pooling),
    });
  }
  checkTensors('text.poolSequence', { sequence, mask });
  return POOLINGS[pooling](sequence, mask);
}

const POOLINGS: Record<SequencePooling, (sequence: tf.Tensor3D, mask: tf.Tensor2D) => tf.Tensor2D> = {
  cls: (sequence) => tokenAt(sequence, 0),
  mean: (sequence, mask) => {
    const total = tf.sum(tf.mul(sequence, tf.expandDims(mask, 2)), 1);
    return tf.div(total, tf.maximum(tf.sum(mask, 1, true), 1));
  },
  max: (sequence, mask) => {
    const hidden = tf.mul(tf.sub(1, tf.expandDims(mask, 2)), MASKED_SCORE);
    return tf.max(tf.add(sequence, hidden), 1);
  },
};
