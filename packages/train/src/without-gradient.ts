import * as tf from '@tensorflow/tfjs-core';

/**
 * Runs `compute` off the gradient tape: its result is a constant to what follows, as under `torch.no_grad()`.
 *
 * For indices above all: tfjs would look for a gradient of argMax.
 */
export function withoutGradient<T extends tf.Tensor>(compute: () => T): T {
  // a custom gradient records nothing inside, and without inputs nothing leads back
  return tf.customGrad(() => ({ value: compute(), gradFunc: () => [] }))() as T;
}
