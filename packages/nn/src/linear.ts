import { checkShape, type OptionNames } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { checkLayer } from './check-layer.js';
import type { Generator } from './generator.js';
import { type Initializer, kaimingUniform, uniform } from './init.js';
import type { LoraAdapter } from './lora-adapter.js';
import { Module } from './module.js';
import { parameter } from './parameter.js';

/** Options of {@link Linear}. */
export interface LinearOptions {
  readonly generator: Generator;
  /** Adds a bias, default true. */
  readonly bias?: boolean;
  /** Of the weight; default torch's kaimingUniform. */
  readonly init?: Initializer;
  /** Of the bias; default torch's U(-1/sqrt(in), 1/sqrt(in)). */
  readonly biasInit?: Initializer;
}

const OPTIONS: OptionNames<LinearOptions> = {
  generator: 'required',
  bias: 'optional',
  init: 'optional',
  biasInit: 'optional',
};

/** `y = x W^T + b` on the last axis, as torch.nn.Linear. `weight` is [out, in], `bias` [out]. */
export class Linear extends Module {
  readonly weight: tf.Variable<tf.Rank.R2>;
  readonly bias: tf.Variable<tf.Rank.R1> | undefined;
  /** A low-rank change on top of the weight, see `addLora`. */
  lora: LoraAdapter | undefined;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: LinearOptions,
  ) {
    super();
    checkLayer('nn.Linear', { inFeatures, outFeatures }, options, OPTIONS);
    const { generator, bias = true, init = kaimingUniform, biasInit } = options;
    this.weight = parameter(init([outFeatures, inFeatures], generator) as tf.Tensor2D);
    const bound = 1 / Math.sqrt(inFeatures);
    this.bias = bias
      ? parameter((biasInit ?? uniform(-bound, bound))([outFeatures], generator) as tf.Tensor1D)
      : undefined;
  }

  /** [..., in] -> [..., out]. */
  forward<T extends tf.Tensor>(x: T): T {
    const leading = x.shape.slice(0, -1);
    checkShape('nn.Linear', 'x', x, [...leading.map((_, axis) => `d${axis}`), this.inFeatures]);
    const rows = (x.rank === 2 ? x : tf.reshape(x, [-1, this.inFeatures])) as tf.Tensor2D;
    const product = this.lora?.product(rows, this.weight) ?? tf.matMul(rows, this.weight, false, true);
    const y = this.bias ? tf.add(product, this.bias) : product;
    return (x.rank === 2 ? y : tf.reshape(y, [...leading, this.outFeatures])) as T;
  }
}
