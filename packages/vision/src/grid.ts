import * as tf from '@tensorflow/tfjs-core';

/** Reads a grid row by row as tokens: [B, H, W, C] -> [B, H * W, C]. */
export function gridToTokens(grid: tf.Tensor4D): tf.Tensor3D {
  const [batch, height, width, channels] = grid.shape;
  return tf.reshape(grid, [batch, height * width, channels]);
}

/** torch's adaptive_avg_pool2d(1) and flatten: [B, H, W, C] -> [B, C]. */
export function globalAverage(grid: tf.Tensor4D): tf.Tensor2D {
  return tf.mean(grid, [1, 2]);
}

/** The tokens after the first `count`: [B, T, D] -> [B, T - count, D]. */
export function tokensAfter(tokens: tf.Tensor3D, count: number): tf.Tensor3D {
  const [batch, length, width] = tokens.shape;
  return count === 0 ? tokens : tf.slice(tokens, [0, count, 0], [batch, length - count, width]);
}
