import { type Context, checkPositive, checkShape, type OptionNames } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Activation, checkActivation } from './activations.js';
import { checkHeads, mergeHeads, scaledDotProductAttention, splitHeads } from './attention.js';
import { checkLayer, checkProbability } from './check-layer.js';
import { DropPath } from './drop-path.js';
import { Dropout } from './dropout.js';
import type { Generator } from './generator.js';
import { type Initializer, zeros } from './init.js';
import { LayerNorm } from './layer-norm.js';
import { Linear } from './linear.js';
import { Mlp } from './mlp.js';
import { Module } from './module.js';

/** Options of {@link PreNormBlock}. */
export interface PreNormBlockOptions {
  readonly generator: Generator;
  /** Width of tokens. */
  readonly hiddenSize: number;
  readonly numHeads: number;
  /** Width inside the feed-forward part; default 4 * hiddenSize. */
  readonly intermediateSize?: number;
  /** Default `gelu`; CLIP uses `quick_gelu`, SigLIP `gelu_tanh`. */
  readonly activation?: Activation;
  /** Of the normalisations, default 1e-5. */
  readonly layerNormEps?: number;
  /** On attention weights, default 0. */
  readonly attentionDropout?: number;
  /** On the output of each of the two parts, default 0. */
  readonly dropout?: number;
  /** Stochastic depth of both branches, default 0. */
  readonly dropPath?: number;
  /** Of weight matrices; default torch's kaimingUniform, biases then as torch. With an initializer, biases are 0. */
  readonly init?: Initializer;
}

const OPTIONS: OptionNames<PreNormBlockOptions> = {
  generator: 'required',
  hiddenSize: 'required',
  numHeads: 'required',
  intermediateSize: 'optional',
  activation: 'optional',
  layerNormEps: 'optional',
  attentionDropout: 'optional',
  dropout: 'optional',
  dropPath: 'optional',
  init: 'optional',
};

/** Self-attention with one linear layer each for queries, keys, values and output. */
class SelfAttention extends Module {
  readonly qProj: Linear;
  readonly kProj: Linear;
  readonly vProj: Linear;
  readonly outProj: Linear;
  readonly dropout: Dropout;

  constructor(
    hiddenSize: number,
    readonly numHeads: number,
    { generator, attentionDropout = 0, init }: PreNormBlockOptions,
  ) {
    super();
    const linear = () => new Linear(hiddenSize, hiddenSize, { generator, init, biasInit: init && zeros });
    this.qProj = linear();
    this.kProj = linear();
    this.vProj = linear();
    this.outProj = linear();
    this.dropout = new Dropout(attentionDropout);
  }

  /** [B, T, D] -> the same. */
  forward(x: tf.Tensor3D, bias: tf.Tensor | undefined, context: Context): tf.Tensor3D {
    const heads = (layer: Linear) => splitHeads(layer.forward(x), this.numHeads); // [B, heads, T, headDim]
    const [q, k, v] = [heads(this.qProj), heads(this.kProj), heads(this.vProj)];
    const transformWeights = (weights: tf.Tensor4D) => this.dropout.forward(weights, context);
    const { output } = scaledDotProductAttention(q, k, v, { bias, transformWeights });
    return this.outProj.forward(mergeHeads(output));
  }
}

/**
 * The transformer block of ViT, CLIP and SigLIP, normalisation first (Dosovitskiy et al. 2021, Radford et al. 2021):
 * `x + attention(norm(x))`, then `x + mlp(norm(x))`.
 *
 * Parameters are named as in transformers' CLIP: `layer_norm1`, `self_attn.{q,k,v,out}_proj`, `layer_norm2`,
 * `mlp.fc1`, `mlp.fc2`.
 */
export class PreNormBlock extends Module {
  readonly layerNorm1: LayerNorm;
  readonly selfAttn: SelfAttention;
  readonly layerNorm2: LayerNorm;
  readonly mlp: Mlp;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropPath1: DropPath;
  readonly dropPath2: DropPath;
  readonly hiddenSize: number;

  constructor(options: PreNormBlockOptions) {
    super();
    checkBlock(options);
    const { hiddenSize, numHeads, intermediateSize = 4 * hiddenSize, activation = 'gelu' } = options;
    const { generator, init, layerNormEps: eps = 1e-5, dropout = 0, dropPath = 0 } = options;
    this.hiddenSize = hiddenSize;
    this.layerNorm1 = new LayerNorm(hiddenSize, { eps });
    this.selfAttn = new SelfAttention(hiddenSize, numHeads, options);
    this.layerNorm2 = new LayerNorm(hiddenSize, { eps });
    this.mlp = new Mlp(hiddenSize, {
      generator,
      intermediateSize,
      activation,
      init,
      biasInit: init && zeros,
    });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropPath1 = new DropPath(dropPath);
    this.dropPath2 = new DropPath(dropPath);
  }

  /**
   * [B, T, hiddenSize] -> the same.
   *
   * @param bias added to the attention scores, broadcasting to [B, heads, T, T]; see `attentionBias` and `causalBias`
   */
  forward(x: tf.Tensor3D, bias: tf.Tensor | undefined, context: Context): tf.Tensor3D {
    checkShape('nn.PreNormBlock', 'x', x, ['B', 'T', this.hiddenSize]);
    const attended = this.selfAttn.forward(this.layerNorm1.forward(x), bias, context);
    const y = tf.add(x, this.dropPath1.forward(this.dropout1.forward(attended, context), context));
    const mixed = this.mlp.forward(this.layerNorm2.forward(y));
    return tf.add(y, this.dropPath2.forward(this.dropout2.forward(mixed, context), context));
  }
}

/** Everything that a block may refuse, before its first parameter. */
function checkBlock(options: PreNormBlockOptions): void {
  const where = 'nn.PreNormBlock';
  checkLayer(where, {}, options, OPTIONS);
  const { hiddenSize, numHeads, intermediateSize = 1, activation = 'gelu' } = options;
  const { attentionDropout = 0, dropout = 0, dropPath = 0 } = options;
  checkPositive(where, 'hiddenSize', hiddenSize);
  checkPositive(where, 'intermediateSize', intermediateSize);
  checkHeads(where, 'hiddenSize', hiddenSize, numHeads);
  checkActivation(where, activation);
  for (const [what, p] of Object.entries({ attentionDropout, dropout, dropPath })) checkProbability(where, what, p);
}

/** A row of blocks, named `layers` as in transformers' CLIPEncoder and SiglipEncoder: [B, T, D] -> the same. */
export class PreNormBlocks extends Module {
  readonly layers: readonly PreNormBlock[];

  constructor(numLayers: number, options: PreNormBlockOptions) {
    super();
    checkPositive('nn.PreNormBlocks', 'numLayers', numLayers);
    this.layers = Array.from({ length: numLayers }, () => new PreNormBlock(options));
  }

  /** @param bias as {@link PreNormBlock.forward} takes it, of every block */
  forward(x: tf.Tensor3D, bias: tf.Tensor | undefined, context: Context): tf.Tensor3D {
    return this.layers.reduce((tokens, layer) => layer.forward(tokens, bias, context), x);
  }
}
