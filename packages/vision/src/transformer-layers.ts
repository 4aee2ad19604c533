import type { Context } from '@diptych/core';
import { Module, PreNormBlock, type PreNormBlockOptions } from '@diptych/nn';
import type * as tf from '@tensorflow/tfjs-core';

/** The blocks of CLIP's and SigLIP's towers, under transformers' name for them: [B, T, D] -> [B, T, D]. */
export class TransformerLayers extends Module {
  readonly layers: readonly PreNormBlock[];

  constructor(depth: number, options: PreNormBlockOptions) {
    super();
    this.layers = Array.from({ length: depth }, () => new PreNormBlock(options));
  }

  forward(x: tf.Tensor3D, context: Context): tf.Tensor3D {
    return this.layers.reduce((tokens, layer) => layer.forward(tokens, undefined, context), x);
  }
}
