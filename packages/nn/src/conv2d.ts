import { ConfigError, checkPositive, checkShape, formatShape, type OptionNames, ShapeError } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { checkLayer } from './check-layer.js';
import { ensureKernel } from './composed-kernels.js';
import type { Generator } from './generator.js';
import { type Initializer, kaimingUniform, uniform } from './init.js';
import { Module } from './module.js';
import { parameter } from './parameter.js';

/** Options of {@link Conv2d}. */
export interface Conv2dOptions {
  readonly generator: Generator;
  /** Default 1. */
  readonly stride?: number;
  /** Zeros on each side, as torch counts them; default 0. */
  readonly padding?: number;
  /** Steps between the filter's cells, default 1. */
  readonly dilation?: number;
  /** Divides the channels; `groups == inChannels == outChannels` is a depthwise convolution. Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Of the weight; default torch's kaimingUniform. */
  readonly init?: Initializer;
  /** Of the bias; default torch's U(-1/sqrt(fanIn), 1/sqrt(fanIn)). */
  readonly biasInit?: Initializer;
}

const OPTIONS: OptionNames<Conv2dOptions> = {
  generator: 'required',
  stride: 'optional',
  padding: 'optional',
  dilation: 'optional',
  groups: 'optional',
  bias: 'optional',
  init: 'optional',
  biasInit: 'optional',
};

/**
 * torch.nn.Conv2d on channels-last pixels. `weight` is [out, in / groups, kernel, kernel] as in torch, `bias` [out].
 *
 * Padding is explicit and symmetric, never TensorFlow's `same`, which pads unevenly at stride 2.
 * A dilated filter is spread out with zeros, since tfjs-core has no gradient of dilated convolutions: right everywhere,
 * at dilation^2 times the work.
 */
export class Conv2d extends Module {
  readonly weight: tf.Variable<tf.Rank.R4>;
  readonly bias: tf.Variable<tf.Rank.R1> | undefined;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;

  /** @throws ConfigError if the groups do not divide the channels */
  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: number,
    options: Conv2dOptions,
  ) {
    super();
    const where = 'nn.Conv2d';
    checkLayer(where, { inChannels, outChannels, kernelSize }, options, OPTIONS);
    const { generator, stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
    const { bias = true, init = kaimingUniform, biasInit } = options;
    for (const [what, size] of Object.entries({ stride, dilation, groups })) checkPositive(where, what, size);
    if (!(Number.isInteger(padding) && padding >= 0)) {
      throw new ConfigError({ where, expected: 'padding to be a whole number from 0', got: String(padding) });
    }
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ConfigError({
        where: 'nn.Conv2d',
        expected: `channels that ${groups} groups divide`,
        got: `${inChannels} in, ${outChannels} out`,
      });
    }
    this.stride = stride;
    this.padding = padding;
    this.dilation = dilation;
    this.groups = groups;
    this.weight = parameter(init([outChannels, inChannels / groups, kernelSize, kernelSize], generator));
    const bound = 1 / Math.sqrt((inChannels / groups) * kernelSize * kernelSize);
    this.bias = bias ? parameter((biasInit ?? uniform(-bound, bound))([outChannels], generator)) : undefined;
  }

  /**
   * [B, H, W, in] -> [B, H', W', out], H' = floor((H + 2 padding - dilation (kernelSize - 1) - 1) / stride) + 1.
   *
   * @throws ShapeError if x has other channels, or is smaller than the filter
   */
  forward(x: tf.Tensor4D): tf.Tensor4D {
    checkShape('nn.Conv2d', 'x', x, ['B', 'H', 'W', this.inChannels]);
    const span = this.dilation * (this.kernelSize - 1) + 1;
    const [, height, width] = x.shape;
    if (Math.min(height, width) + 2 * this.padding < span) {
      throw new ShapeError({
        where: 'nn.Conv2d',
        expected: `a picture of at least ${span - 2 * this.padding} pixels a side for a filter that spans ${span}`,
        got: formatShape(x.shape),
      });
    }
    const padded = this.padding > 0 ? padSides(x, this.padding) : x;
    const y = this.groups === 1 ? this.#convolve(padded, this.weight) : this.#grouped(padded);
    return this.bias ? tf.add(y, this.bias) : y;
  }

  #convolve(x: tf.Tensor4D, weight: tf.Tensor4D): tf.Tensor4D {
    ensureKernel('Conv2DBackpropFilter');
    const filter = tf.transpose(weight, [2, 3, 1, 0]); // OIHW -> HWIO
    return tf.conv2d(x, spread(filter, this.dilation), this.stride, 'valid');
  }

  #grouped(x: tf.Tensor4D): tf.Tensor4D {
    if (this.inChannels === this.groups) return this.#depthwise(x);
    const inputs: tf.Tensor4D[] = tf.split(x, this.groups, 3);
    const weights: tf.Tensor4D[] = tf.split(this.weight, this.groups, 0);
    return tf.concat4d(
      inputs.map((part, group) => this.#convolve(part, weights[group]!)),
      3,
    );
  }

  #depthwise(x: tf.Tensor4D): tf.Tensor4D {
    // [out, 1, k, k] -> [k, k, in, multiplier]: output channel c * multiplier + m reads input channel c
    const filter: tf.Tensor4D = tf.reshape(tf.transpose(this.weight, [2, 3, 0, 1]), [
      this.kernelSize,
      this.kernelSize,
      this.inChannels,
      this.outChannels / this.groups,
    ]);
    return tf.depthwiseConv2d(x, spread(filter, this.dilation), this.stride, 'valid');
  }
}

/** Zeros (or another value) around height and width of [B, H, W, C]. */
export function padSides(x: tf.Tensor4D, padding: number, value = 0): tf.Tensor4D {
  checkShape('nn.padSides', 'x', x, ['B', 'H', 'W', 'C']);
  checkPositive('nn.padSides', 'padding', padding);
  return tf.pad(
    x,
    [
      [0, 0],
      [padding, padding],
      [padding, padding],
      [0, 0],
    ],
    value,
  );
}

/** Puts dilation - 1 zeros between the cells of a filter [kh, kw, a, b]. */
function spread(filter: tf.Tensor4D, dilation: number): tf.Tensor4D {
  if (dilation === 1) return filter;
  const [height, width, a, b] = filter.shape;
  const gap = [0, dilation - 1] as [number, number];
  const padded = tf.pad(tf.reshape(filter, [height, 1, width, 1, a * b]), [[0, 0], gap, [0, 0], gap, [0, 0]]);
  const cells: tf.Tensor4D = tf.reshape(padded, [height * dilation, width * dilation, a, b]);
  return tf.slice(cells, [0, 0, 0, 0], [(height - 1) * dilation + 1, (width - 1) * dilation + 1, a, b]);
}
