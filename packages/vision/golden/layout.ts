import * as tf from '@tensorflow/tfjs-core';

/** torch's picture layout to ours. */
export function toNHWC(x: tf.Tensor): tf.Tensor4D {
  return tf.transpose(x as tf.Tensor4D, [0, 2, 3, 1]);
}

/** Our picture layout to torch's; other ranks stay. */
export function toNCHW(x: tf.Tensor): tf.Tensor {
  return x.rank === 4 ? tf.transpose(x, [0, 3, 1, 2]) : x;
}
