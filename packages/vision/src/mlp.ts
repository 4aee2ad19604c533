import { type Activation, activate, type Generator, Linear, Module, normal, zeros } from '@diptych/nn';
import type * as tf from '@tensorflow/tfjs-core';

/** Two linear layers with an activation between, timm's and CLIP's `fc1` and `fc2`: [..., D] -> [..., D]. */
export class Mlp extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(
    width: number,
    innerWidth: number,
    readonly activation: Activation,
    generator: Generator,
  ) {
    super();
    this.fc1 = timmLinear(width, innerWidth, generator);
    this.fc2 = timmLinear(innerWidth, width, generator);
  }

  forward<T extends tf.Tensor>(x: T): T {
    return this.fc2.forward(activate(this.fc1.forward(x), this.activation));
  }
}

/** A linear layer as timm's networks start it: normal with deviation 0.02 (`trunc_normal_` cuts at 2), bias 0. */
export function timmLinear(inFeatures: number, outFeatures: number, generator: Generator): Linear {
  return new Linear(inFeatures, outFeatures, { generator, init: normal(0.02), biasInit: zeros });
}
