import { checkTensors } from '@diptych/core';
import { withGradient } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';

/** Vectors shorter than this are divided by it, as torch.nn.functional.normalize does. */
const SHORTEST = 1e-12;

/**
 * Scales vectors to length 1 along the last axis: x / max(|x|, 1e-12), as torch.nn.functional.normalize(dim=-1).
 *
 * A vector of zeros stays zero and gets a gradient of zero; torch divides the incoming one by 1e-12, which would drown
 * every other gradient of the step.
 */
export function l2Normalize<T extends tf.Tensor>(x: T): T {
  checkTensors('nn.l2Normalize', { x });
  return withGradient([x], (save, input) => {
    const squares = tf.sum(tf.square(input), -1, true);
    const inverse = tf.rsqrt(tf.maximum(squares, SHORTEST ** 2));
    const unit = tf.mul(input, inverse);
    save([unit, tf.mul(inverse, tf.cast(tf.greater(squares, SHORTEST ** 2), 'float32'))]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [direction, factor] = saved as [tf.Tensor, tf.Tensor];
      const along = tf.mul(direction, tf.sum(tf.mul(dy, direction), -1, true));
      return [tf.mul(tf.sub(dy, along), factor)];
    };
    return { value: unit as T, gradFunc };
  });
}
