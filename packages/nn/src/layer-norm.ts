import { checkShape, checkTensors, type OptionNames } from '@diptych/core';
import { withGradient } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { AffineNorm } from './affine-norm.js';
import { checkLayer } from './check-layer.js';

/** Options of {@link LayerNorm}. */
export interface LayerNormOptions {
  /** Default 1e-5; BERT uses 1e-12. */
  readonly eps?: number;
}

const OPTIONS: OptionNames<LayerNormOptions> = {
  eps: 'optional',
};

/** torch.nn.LayerNorm over the last axis (Ba, Kiros, Hinton 2016), biased variance. `weight` and `bias` are [D]. */
export class LayerNorm extends AffineNorm {
  constructor(
    readonly normalizedShape: number,
    options: LayerNormOptions = {},
  ) {
    checkLayer('nn.LayerNorm', { normalizedShape }, options, OPTIONS);
    super(normalizedShape, options.eps);
  }

  /** [..., D] -> the same shape. */
  forward<T extends tf.Tensor>(x: T): T {
    const leading = x.shape.slice(0, -1);
    checkShape('nn.LayerNorm', 'x', x, [...leading.map((_, axis) => `d${axis}`), this.normalizedShape]);
    return layerNorm(x, this.weight, this.bias, this.eps);
  }
}

/** Layer normalisation over the last axis as one differentiable function with its gradient written out. */
export function layerNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, bias: tf.Tensor1D, eps: number): T {
  checkTensors('nn.layerNorm', { x, weight, bias });
  return withGradient([x, weight, bias], (save, input, scale, shift) => {
    const centred = tf.sub(input, tf.mean(input, -1, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps));
    const hat = tf.mul(centred, inverse);
    save([hat, inverse, scale]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [normalized, spread, gamma] = saved as [tf.Tensor, tf.Tensor, tf.Tensor1D];
      const leadingAxes = dy.shape.slice(0, -1).map((_, axis) => axis);
      const dHat = tf.mul(dy, gamma);
      const projected = tf.mul(normalized, tf.mean(tf.mul(dHat, normalized), -1, true));
      const dx = tf.mul(tf.sub(tf.sub(dHat, tf.mean(dHat, -1, true)), projected), spread);
      return [dx, tf.sum(tf.mul(dy, normalized), leadingAxes), tf.sum(dy, leadingAxes)];
    };
    return { value: tf.add(tf.mul(hat, scale), shift) as T, gradFunc };
  });
}
