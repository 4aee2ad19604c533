import {
  type Context,
  checkPositive,
  type Encoded,
  type PartDescription,
  type TextEncoder,
  type TextInput,
} from '@diptych/core';
import { Embedding, generatorOf, LayerNorm, Linear, Module, normal, type RandomWeights } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { poolSequence } from './pooling.js';
import { checkTokens } from './token-input.js';

/** Options of {@link BagOfTokens}. */
export interface BagOfTokensOptions extends RandomWeights {
  /** Rows of the embedding table: the tokenizer's `vocabSize`. */
  readonly vocabSize: number;
  /** Width of the result. */
  readonly embedDim: number;
  /** Width of the embedding table, default embedDim. */
  readonly hiddenSize?: number;
}

/**
 * The lightest text encoder: the mean of the token embeddings over the attention mask (special tokens included),
 * layer normalisation, a linear layer. Blind to the order of words, quick to train from scratch, hard to beat on short
 * captions (compare Iyyer et al. 2015, deep averaging networks).
 *
 * `sequence` is the same normalisation and linear layer on each token. Embeddings start as N(0, 0.02^2).
 */
export class BagOfTokens extends Module implements TextEncoder {
  readonly embedding: Embedding;
  readonly norm: LayerNorm;
  readonly projection: Linear;
  readonly embedDim: number;
  readonly #options: BagOfTokensOptions;

  /** @throws ConfigError if a size is not a whole number above 0 */
  constructor(options: BagOfTokensOptions) {
    super();
    const { vocabSize, embedDim, hiddenSize = embedDim } = options;
    for (const [what, size] of Object.entries({ vocabSize, embedDim, hiddenSize })) {
      checkPositive('text.BagOfTokens', what, size);
    }
    this.#options = options;
    this.embedDim = embedDim;
    const generator = generatorOf(options, 'text/bag-of-tokens');
    this.embedding = new Embedding(vocabSize, hiddenSize, { generator, init: normal(0.02) });
    this.norm = new LayerNorm(hiddenSize);
    this.projection = new Linear(hiddenSize, embedDim, { generator });
  }

  /** Rows of the token embedding's table. */
  get vocabSize(): number {
    return this.embedding.weight.shape[0]!;
  }

  /**
   * int32 [B, T] of any length -> `pooled` [B, embedDim], `sequence` [B, T, embedDim].
   *
   * @throws ShapeError if ids and mask do not fit
   */
  encode(input: TextInput, _context: Context): Encoded {
    checkTokens('text.BagOfTokens', input);
    const mask = tf.cast(input.attentionMask, 'float32');
    const tokens = this.embedding.forward(input.inputIds) as tf.Tensor3D; // [B, T, hiddenSize]
    const project = <T extends tf.Tensor>(x: T): T => this.projection.forward(this.norm.forward(x));
    return { pooled: project(poolSequence(tokens, mask, 'mean')), sequence: project(tokens), mask };
  }

  override describe(): PartDescription {
    const { vocabSize, embedDim, hiddenSize } = this.#options;
    return { kind: 'text/bag-of-tokens', options: { vocabSize, embedDim, hiddenSize } };
  }
}
