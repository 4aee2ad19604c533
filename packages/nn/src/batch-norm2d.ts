import { type Context, checkShape, type OptionNames } from '@diptych/core';
import { withGradient } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { AffineNorm } from './affine-norm.js';
import { checkLayer } from './check-layer.js';
import { buffer } from './parameter.js';

/** Options of {@link BatchNorm2d}. */
export interface BatchNorm2dOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** Share of the new batch in the running statistics; default 0.1. */
  readonly momentum?: number;
}

const OPTIONS: OptionNames<BatchNorm2dOptions> = {
  eps: 'optional',
  momentum: 'optional',
};

/**
 * torch.nn.BatchNorm2d over the last axis of [B, H, W, C].
 *
 * In training: normalises with the batch's biased variance and moves the running statistics towards the batch's, the
 * variance unbiased (Ioffe and Szegedy 2015, as torch computes it). `frozen` keeps the running statistics in use and
 * untouched in training as well.
 */
export class BatchNorm2d extends AffineNorm {
  readonly runningMean: tf.Variable<tf.Rank.R1>;
  readonly runningVar: tf.Variable<tf.Rank.R1>;
  readonly momentum: number;
  /** Uses and keeps the running statistics also in training. */
  frozen = false;

  constructor(
    readonly numFeatures: number,
    options: BatchNorm2dOptions = {},
  ) {
    checkLayer('nn.BatchNorm2d', { numFeatures }, options, OPTIONS);
    super(numFeatures, options.eps);
    this.momentum = options.momentum ?? 0.1;
    this.runningMean = buffer(tf.zeros([numFeatures]));
    this.runningVar = buffer(tf.ones([numFeatures]));
  }

  /** [B, H, W, C] -> the same shape. */
  forward(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    checkShape('nn.BatchNorm2d', 'x', x, ['B', 'H', 'W', this.numFeatures]);
    if (!context.training || this.frozen) {
      return tf.batchNorm4d(x, this.runningMean, this.runningVar, this.bias, this.weight, this.eps);
    }
    const { y, mean, variance } = batchNormTrain(x, this.weight, this.bias, this.eps);
    const count = x.shape[0] * x.shape[1] * x.shape[2];
    move(this.runningMean, mean, this.momentum);
    move(this.runningVar, tf.mul(variance, count / Math.max(count - 1, 1)), this.momentum);
    return y;
  }
}

function move(running: tf.Variable<tf.Rank.R1>, value: tf.Tensor1D, momentum: number): void {
  running.assign(tf.add(tf.mul(running, 1 - momentum), tf.mul(value, momentum)));
}

/**
 * Normalises over batch, height and width with the batch's own statistics. The gradient is written out, in three sums
 * over the batch, instead of tfjs's chain through mean and variance.
 */
function batchNormTrain(
  x: tf.Tensor4D,
  weight: tf.Tensor1D,
  bias: tf.Tensor1D,
  eps: number,
): { y: tf.Tensor4D; mean: tf.Tensor1D; variance: tf.Tensor1D } {
  const axes = [0, 1, 2];
  const mean: tf.Tensor1D = tf.mean(x, axes);
  const variance: tf.Tensor1D = tf.mean(tf.square(tf.sub(x, mean)), axes);
  const y: tf.Tensor4D = withGradient([x, weight, bias], (save, input, scale, shift) => {
    const inverse = tf.rsqrt(tf.add(variance, eps));
    save([input, scale, mean, inverse]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [kept, gamma, centre, spread] = saved as [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
      const hat = tf.mul(tf.sub(kept, centre), spread);
      const dBias = tf.sum(dy, axes);
      const dScale = tf.sum(tf.mul(dy, hat), axes);
      const count = kept.shape[0] * kept.shape[1] * kept.shape[2];
      const centred = tf.sub(dy, tf.mul(tf.add(dBias, tf.mul(hat, dScale)), 1 / count));
      return [tf.mul(centred, tf.mul(gamma, spread)), dScale, dBias];
    };
    return { value: tf.add(tf.mul(tf.mul(tf.sub(input, mean), inverse), scale), shift), gradFunc };
  });
  return { y, mean, variance };
}
