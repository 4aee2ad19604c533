import { ConfigError, checkShape } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Generator } from './generator.js';
import { type Initializer, kaimingUniform, uniform } from './init.js';
import { Module } from './module.js';
import { parameter } from './parameter.js';

export interface Conv2dOptions {
  readonly generator: Generator;
  /** Default 1. */
  readonly stride?: number;
  /** Zeros on each side, as torch counts them; default 0. */
  readonly padding?: number;
  /** Default 1. */
  readonly dilation?: number;
  /** Divides the channels; `groups == inChannels == outChannels` is a depthwise convolution. Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  readonly init?: Initializer;
}

/**
 * torch.nn.Conv2d on channels-last pixels. `weight` is [out, in / groups, kernel, kernel] as in torch, `bias` [out].
 *
 * Padding is explicit and symmetric, never TensorFlow's `same`, which pads unevenly at stride 2.
 */
export class Conv2d extends Module {
  readonly weight: tf.Variable<tf.Rank.R4>;
  readonly bias: tf.Variable<tf.Rank.R1> | undefined;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly groups: number;

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: number,
    { generator, stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, init = kaimingUniform }: Conv2dOptions,
  ) {
    super();
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
    this.weight = parameter(init([outChannels, inChannels / groups, kernelSize, kernelSize], generator) as tf.Tensor4D);
    const bound = 1 / Math.sqrt((inChannels / groups) * kernelSize * kernelSize);
    this.bias = bias ? parameter(uniform(-bound, bound)([outChannels], generator) as tf.Tensor1D) : undefined;
  }

  /** [B, H, W, in] -> [B, H', W', out]. */
  forward(x: tf.Tensor4D): tf.Tensor4D {
    checkShape('nn.Conv2d', 'x', x, ['B', 'H', 'W', this.inChannels]);
    const padded = this.padding > 0 ? padSides(x, this.padding) : x;
    const y = this.groups === 1 ? this.#dense(padded) : this.#grouped(padded);
    return this.bias ? tf.add(y, this.bias) : y;
  }

  #dense(x: tf.Tensor4D): tf.Tensor4D {
    return tf.conv2d(x, toHWIO(this.weight), this.stride, 'valid', 'NHWC', this.dilation);
  }

  #grouped(x: tf.Tensor4D): tf.Tensor4D {
    const perGroup = this.inChannels / this.groups;
    const multiplier = this.outChannels / this.groups;
    if (perGroup === 1) {
      // [out, 1, k, k] -> [k, k, in, multiplier]: output channel c * multiplier + m reads input channel c
      const filter = tf.reshape(tf.transpose(this.weight, [2, 3, 0, 1]), [
        this.kernelSize,
        this.kernelSize,
        this.inChannels,
        multiplier,
      ]) as tf.Tensor4D;
      return tf.depthwiseConv2d(x, filter, this.stride, 'valid', 'NHWC', this.dilation);
    }
    const inputs = tf.split(x, this.groups, 3) as tf.Tensor4D[];
    const filters = tf.split(this.weight, this.groups, 0) as tf.Tensor4D[];
    return tf.concat4d(
      inputs.map((part, group) =>
        tf.conv2d(part, toHWIO(filters[group]!), this.stride, 'valid', 'NHWC', this.dilation),
      ),
      3,
    );
  }
}

/** Zeros around height and width. */
export function padSides(x: tf.Tensor4D, padding: number, value = 0): tf.Tensor4D {
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

function toHWIO(weight: tf.Tensor4D): tf.Tensor4D {
  return tf.transpose(weight, [2, 3, 1, 0]);
}
