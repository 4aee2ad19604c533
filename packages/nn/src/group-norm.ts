import { ConfigError, checkShape, type OptionNames } from '@diptych/core';
import { withGradient } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { AffineNorm } from './affine-norm.js';
import { checkLayer } from './check-layer.js';

/** Options of {@link GroupNorm}. */
export interface GroupNormOptions {
  /** Default 1e-5. */
  readonly eps?: number;
}

const OPTIONS: OptionNames<GroupNormOptions> = {
  eps: 'optional',
};

/**
 * torch.nn.GroupNorm (Wu and He 2018) on channels-last input: each item's channels are normalised in `numGroups` runs of
 * neighbours, over all positions. `weight` and `bias` are [C].
 */
export class GroupNorm extends AffineNorm {
  /** @throws ConfigError if the groups do not divide the channels */
  constructor(
    readonly numGroups: number,
    readonly numChannels: number,
    options: GroupNormOptions = {},
  ) {
    checkLayer('nn.GroupNorm', { numChannels }, options, OPTIONS);
    if (!(Number.isInteger(numGroups) && numGroups > 0 && numChannels % numGroups === 0)) {
      throw new ConfigError({
        where: 'nn.GroupNorm',
        expected: `a number of groups that divides ${numChannels} channels`,
        got: String(numGroups),
      });
    }
    super(numChannels, options.eps);
  }

  /** [B, ..., C] -> the same shape. */
  forward<T extends tf.Tensor>(x: T): T {
    const middle = x.shape.slice(1, -1);
    checkShape('nn.GroupNorm', 'x', x, ['B', ...middle.map((_, axis) => `d${axis}`), this.numChannels]);
    const positions = middle.reduce((product, size) => product * size, 1);
    const perGroup = this.numChannels / this.numGroups;
    const hat = standardize(tf.reshape(x, [x.shape[0]!, positions, this.numGroups, perGroup]), [1, 3], this.eps);
    return tf.add(tf.mul(tf.reshape(hat, x.shape), this.weight), this.bias) as T;
  }
}

/** (x - mean) / sqrt(variance + eps) over some axes, the gradient written out as in layer normalisation. */
function standardize(x: tf.Tensor, axes: number[], eps: number): tf.Tensor {
  return withGradient([x], (save, input) => {
    const centred = tf.sub(input, tf.mean(input, axes, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), axes, true), eps));
    const hat = tf.mul(centred, inverse);
    save([hat, inverse]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [normalized, spread] = saved as [tf.Tensor, tf.Tensor];
      const projected = tf.mul(normalized, tf.mean(tf.mul(dy, normalized), axes, true));
      return [tf.mul(tf.sub(tf.sub(dy, tf.mean(dy, axes, true)), projected), spread)];
    };
    return { value: hat, gradFunc };
  });
}
