import { checkShape } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * The token at one place of each row: [B, T, D] -> [B, D]. Compiled functions that read no other token compute no other,
 * as far back as tokens do not meet.
 */
export function tokenAt(sequence: tf.Tensor3D, position: number): tf.Tensor2D {
  checkShape('nn.tokenAt', 'sequence', sequence, ['B', 'T', 'D']);
  const [batch, , width] = sequence.shape;
  return tf.reshape(tf.slice(sequence, [0, position, 0], [batch, 1, width]), [batch, width]);
}
