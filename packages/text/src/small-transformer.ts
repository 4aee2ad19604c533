import {
  type Context,
  checkOptions,
  checkPositive,
  type Encoded,
  type OptionNames,
  type PartDescription,
  type TextEncoder,
  type TextInput,
} from '@diptych/core';
import {
  type Activation,
  attentionBias,
  type Embedding,
  generatorOf,
  Linear,
  Module,
  type RandomWeights,
} from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { poolSequence, type SequencePooling } from './pooling.js';
import { checkTextTransformer, TextTransformer, type TextTransformerConfig } from './text-transformer.js';
import { checkTokens } from './token-input.js';

/** Options of {@link SmallTransformer}. */
export interface SmallTransformerOptions extends RandomWeights {
  /** Rows of the embedding table: the tokenizer's `vocabSize`. */
  readonly vocabSize: number;
  /** Width of the result. */
  readonly embedDim: number;
  /** Width of the tokens, default embedDim. */
  readonly hiddenSize?: number;
  /** Number of blocks, default 4. */
  readonly numLayers?: number;
  /** Default 4. */
  readonly numHeads?: number;
  /** Width inside a block's feed-forward part, default 4 * hiddenSize. */
  readonly intermediateSize?: number;
  /** Longest row of tokens, default 64. */
  readonly maxPositions?: number;
  /** On attention weights and on the output of each part of a block, default 0.1. */
  readonly dropout?: number;
  /** Default `gelu`. */
  readonly activation?: Activation;
  /** Default `mean`. */
  readonly pooling?: SequencePooling;
}

const OPTIONS: OptionNames<SmallTransformerOptions> = {
  vocabSize: 'required',
  embedDim: 'required',
  hiddenSize: 'optional',
  numLayers: 'optional',
  numHeads: 'optional',
  intermediateSize: 'optional',
  maxPositions: 'optional',
  dropout: 'optional',
  activation: 'optional',
  pooling: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * A transformer for training from scratch: token embeddings with learned positions, pre-norm blocks, a last normalisation,
 * pooling, a linear layer (the blocks of Xiong et al. 2020, On Layer Normalization in the Transformer Architecture).
 *
 * `sequence` is the same linear layer on every token.
 */
export class SmallTransformer extends Module implements TextEncoder {
  readonly transformer: TextTransformer;
  readonly projection: Linear;
  readonly embedDim: number;
  readonly pooling: SequencePooling;
  readonly config: Required<TextTransformerConfig>;

  /** @throws ConfigError if a size is not a whole number above 0, or the heads do not divide hiddenSize */
  constructor(options: SmallTransformerOptions) {
    super();
    checkOptions('text.SmallTransformer', options, OPTIONS);
    const { vocabSize, embedDim, pooling = 'mean', dropout = 0.1, hiddenSize = embedDim } = options;
    checkPositive('text.SmallTransformer', 'embedDim', embedDim);
    this.embedDim = embedDim;
    this.pooling = pooling;
    this.config = {
      vocabSize,
      hiddenSize,
      maxPositions: options.maxPositions ?? 64,
      numLayers: options.numLayers ?? 4,
      numHeads: options.numHeads ?? 4,
      intermediateSize: options.intermediateSize ?? 4 * hiddenSize,
      activation: options.activation ?? 'gelu',
      layerNormEps: 1e-5,
      attentionDropout: dropout,
      dropout,
    };
    checkTextTransformer('text.SmallTransformer', this.config);
    const generator = generatorOf(options, 'text/small-transformer');
    this.transformer = new TextTransformer(this.config, generator);
    this.projection = new Linear(hiddenSize, embedDim, { generator });
  }

  /** Longest row of tokens that it has positions for. */
  get maxLength(): number {
    return this.config.maxPositions;
  }

  /** Rows of the token embedding's table. */
  get vocabSize(): number {
    return this.tokenEmbedding.numEmbeddings;
  }

  /** The token table, which `resizeTokenEmbeddings` makes longer or shorter. */
  get tokenEmbedding(): Embedding {
    return this.transformer.embeddings.tokenEmbedding;
  }

  /**
   * int32 [B, T] -> `pooled` [B, embedDim], `sequence` [B, T, embedDim], `mask` [B, T].
   *
   * @throws ShapeError if ids and mask do not fit, or rows are longer than `maxLength`
   */
  encode(input: TextInput, context: Context): Encoded {
    checkTokens('text.SmallTransformer', input, this.maxLength);
    const mask = tf.cast(input.attentionMask, 'float32');
    const hidden = this.transformer.forward(input.inputIds, attentionBias(input.attentionMask), context);
    const pooled = this.projection.forward(poolSequence(hidden, mask, this.pooling));
    return { pooled, sequence: this.projection.forward(hidden), mask };
  }

  override describe(): PartDescription {
    const { vocabSize, embedDim, pooling } = this;
    const { hiddenSize, maxPositions, numLayers, numHeads, intermediateSize, dropout, activation } = this.config;
    return {
      kind: 'text/small-transformer',
      options: {
        vocabSize,
        embedDim,
        hiddenSize,
        numLayers,
        numHeads,
        intermediateSize,
        maxPositions,
        dropout,
        activation,
        pooling,
      },
    };
  }
}
