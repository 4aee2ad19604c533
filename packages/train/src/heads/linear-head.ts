import { checkPositive, type Head, type OptionNames } from '@diptych/core';
import { generatorOf, Linear, Module, type RandomWeights } from '@diptych/nn';
import type * as tf from '@tensorflow/tfjs-core';

/** What every head of this package is told. */
export interface LinearHeadOptions extends RandomWeights {
  /** Width of the vectors that it reads. */
  readonly embedDim: number;
  /** The joint vector, or a tower's. Default `fused`. */
  readonly on?: Head['on'];
}

/** The names of these. */
export const LINEAR_HEAD: OptionNames<LinearHeadOptions> = {
  embedDim: 'required',
  on: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/** A linear layer on a pair's vectors. */
export abstract class LinearHead extends Module {
  readonly linear: Linear;
  readonly embedDim: number;
  readonly on: Head['on'];

  /**
   * @param outputs width of what it gives
   * @param stream of the first weights, where the options give a seed
   * @throws ConfigError if a width is not a whole number above 0
   */
  constructor(where: string, options: LinearHeadOptions, outputs: number, stream: string) {
    super();
    const { embedDim, on = 'fused' } = options;
    checkPositive(where, 'embedDim', embedDim);
    this.embedDim = embedDim;
    this.on = on;
    this.linear = new Linear(embedDim, outputs, { generator: generatorOf(options, stream) });
  }

  /** [B, embedDim] -> [B, outputs]: logits of classes, or numbers. */
  forward(vectors: tf.Tensor2D): tf.Tensor2D {
    return this.linear.forward(vectors);
  }
}
