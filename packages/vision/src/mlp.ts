import { type Activation, activate, type Generator, Linear, Module, truncatedNormal, zeros } from '@diptych/nn';
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
    this.fc1 = truncatedLinear(width, innerWidth, generator);
    this.fc2 = truncatedLinear(innerWidth, width, generator);
  }

  forward<T extends tf.Tensor>(x: T): T {
    return this.fc2.forward(activate(this.fc1.forward(x), this.activation));
  }
}

/** A linear layer as timm's networks start it: truncated normal with deviation 0.02, bias 0. */
export function truncatedLinear(inFeatures: number, outFeatures: number, generator: Generator): Linear {
  return new Linear(inFeatures, outFeatures, { generator, init: truncatedNormal(0.02), biasInit: zeros });
}
