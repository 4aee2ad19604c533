import { type Context, checkMethods, checkOptions, checkPositive, type OptionNames } from '@diptych/core';
import { checkHeads, type Generator, LayerNorm, Mlp, Module, MultiheadAttention } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { paddingOf, type Tokens } from './tokens.js';

/** Sizes of a {@link CrossAttentionBlock}. */
export interface CrossAttentionSizes {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly intermediateSize: number;
  readonly dropout: number;
}

const SIZES: OptionNames<CrossAttentionSizes> = {
  embedDim: 'required',
  numHeads: 'required',
  intermediateSize: 'required',
  dropout: 'optional',
};

/**
 * Tokens that look at other tokens, pre-norm: `x + attention(norm(x), norm(y), norm(y))`, then `x + feedForward(norm(x))`
 * (Xiong et al. 2020 for the place of the norm).
 */
export class CrossAttentionBlock extends Module {
  readonly normQuery: LayerNorm;
  readonly normContext: LayerNorm;
  readonly attention: MultiheadAttention;
  readonly normHidden: LayerNorm;
  readonly feedForward: Mlp;

  constructor(sizes: CrossAttentionSizes, generator: Generator) {
    super();
    const where = 'fusion.CrossAttentionBlock';
    checkOptions(where, sizes, SIZES);
    checkMethods(where, generator, ['uniform', 'normal'], 'pass new Generator(seed)');
    const { embedDim, numHeads, intermediateSize, dropout } = sizes;
    checkHeads(where, 'embedDim', embedDim, numHeads);
    checkPositive(where, 'intermediateSize', intermediateSize);
    this.normQuery = new LayerNorm(embedDim);
    this.normContext = new LayerNorm(embedDim);
    this.attention = new MultiheadAttention(embedDim, numHeads, { generator, dropout });
    this.normHidden = new LayerNorm(embedDim);
    this.feedForward = new Mlp(embedDim, { generator, intermediateSize, dropout });
  }

  /**
   * @param x [B, T, D]
   * @param other what x looks at; its masked tokens are not seen
   * @returns x after the block, and the attention map [B, heads, T, T of other]
   */
  forward(x: tf.Tensor3D, other: Tokens, context: Context): { readonly x: tf.Tensor3D; readonly map: tf.Tensor4D } {
    const seen = this.normContext.forward(other.values);
    const { output, weights } = this.attention.forward(
      this.normQuery.forward(x),
      seen,
      seen,
      { keyPaddingMask: paddingOf(other), averageWeights: false },
      context,
    );
    const attended = tf.add(x, output);
    const hidden = this.feedForward.forward(this.normHidden.forward(attended), context);
    return { x: tf.add(attended, hidden), map: weights };
  }
}
