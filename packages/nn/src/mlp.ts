import { type Context, checkPositive, inference, type OptionNames } from '@diptych/core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { type Activation, activate, checkActivation } from './activations.js';
import { checkLayer } from './check-layer.js';
import { Dropout } from './dropout.js';
import type { Generator } from './generator.js';
import type { Initializer } from './init.js';
import { Linear } from './linear.js';
import { Module } from './module.js';

/** Options of {@link Mlp}. */
export interface MlpOptions {
  readonly generator: Generator;
  /** Width between the two layers. */
  readonly intermediateSize: number;
  /** Width of the result, default that of the input. */
  readonly outFeatures?: number;
  /** Default `gelu`. */
  readonly activation?: Activation;
  /** On the result, in training. Default 0. */
  readonly dropout?: number;
  /** Of both weights; default torch's. */
  readonly init?: Initializer;
  /** Of both biases; default torch's. */
  readonly biasInit?: Initializer;
}

const OPTIONS: OptionNames<MlpOptions> = {
  generator: 'required',
  intermediateSize: 'required',
  outFeatures: 'optional',
  activation: 'optional',
  dropout: 'optional',
  init: 'optional',
  biasInit: 'optional',
};

/** Two linear layers with an activation between, named `fc1` and `fc2` as in timm and transformers: [..., D] -> [..., outFeatures]. */
export class Mlp extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly activation: Activation;
  readonly dropout: Dropout;

  constructor(dim: number, options: MlpOptions) {
    super();
    checkLayer('nn.Mlp', { dim }, options, OPTIONS);
    const {
      generator,
      intermediateSize,
      outFeatures = dim,
      activation = 'gelu',
      dropout = 0,
      init,
      biasInit,
    } = options;
    // what may refuse comes before the first parameter
    checkActivation('nn.Mlp', activation);
    this.dropout = new Dropout(dropout);
    checkPositive('nn.Mlp', 'intermediateSize', intermediateSize);
    checkPositive('nn.Mlp', 'outFeatures', outFeatures);
    this.fc1 = new Linear(dim, intermediateSize, { generator, init, biasInit });
    this.fc2 = new Linear(intermediateSize, outFeatures, { generator, init, biasInit });
    this.activation = activation;
  }

  forward<T extends Tensor>(x: T, context: Context = inference): T {
    return this.dropout.forward(this.fc2.forward(activate(this.fc1.forward(x), this.activation)), context);
  }
}
