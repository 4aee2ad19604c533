import { activate, type Generator, Linear, Module } from '@diptych/nn';
import type * as tf from '@tensorflow/tfjs-core';

/** A linear layer after pooling. */
export interface BertDenseOptions {
  readonly outFeatures: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Default `tanh`, as in sentence-transformers. */
  readonly activation?: 'identity' | 'tanh' | 'relu' | 'gelu' | 'silu';
}

/** sentence-transformers' Dense: activation(linear(x)), `linear.weight` [out, in]. */
export class BertDense extends Module {
  readonly linear: Linear;
  readonly activation: NonNullable<BertDenseOptions['activation']>;

  constructor(inFeatures: number, { outFeatures, bias, activation = 'tanh' }: BertDenseOptions, generator: Generator) {
    super();
    this.linear = new Linear(inFeatures, outFeatures, { generator, bias });
    this.activation = activation;
  }

  /** [..., in] -> [..., out]. */
  forward<T extends tf.Tensor>(x: T): T {
    const y = this.linear.forward(x);
    return this.activation === 'identity' ? y : activate(y, this.activation);
  }
}
