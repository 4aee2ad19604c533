import {
  ConfigError,
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
  Embedding,
  generatorOf,
  type Initializer,
  LayerNorm,
  Linear,
  Module,
  normal,
  type RandomWeights,
} from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { poolSequence } from './pooling.js';
import { checkTokens } from './token-input.js';
import { startFromVectors, type TokenVectors } from './word-vectors.js';

/** Options of {@link BagOfTokens}. */
export interface BagOfTokensOptions extends RandomWeights {
  /** Rows of the embedding table: the tokenizer's `vocabSize`. */
  readonly vocabSize: number;
  /** Width of the result. */
  readonly embedDim: number;
  /** Width of the embedding table, default embedDim. */
  readonly hiddenSize?: number;
  /**
   * What words mean before the first picture is seen: see `tokenVectors`. They start the first columns of the table, `scale`
   * (default 0.1) in mean square, and train on from there; the smaller, the sooner training overrides them.
   */
  readonly wordVectors?: { readonly vectors: TokenVectors; readonly scale?: number };
}

const OPTIONS: OptionNames<BagOfTokensOptions> = {
  vocabSize: 'required',
  embedDim: 'required',
  hiddenSize: 'optional',
  wordVectors: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * The lightest text encoder: the mean of the token embeddings over the attention mask (special tokens included),
 * layer normalisation, a linear layer. Blind to the order of words, quick to train from scratch, hard to beat on short
 * captions (compare Iyyer et al. 2015, deep averaging networks).
 *
 * `sequence` is the same normalisation and linear layer on each token. Embeddings start as N(0, 0.02^2), or from vectors of
 * words.
 */
export class BagOfTokens extends Module implements TextEncoder {
  readonly embedding: Embedding;
  readonly norm: LayerNorm;
  readonly projection: Linear;
  readonly embedDim: number;
  readonly #options: BagOfTokensOptions;

  /** @throws ConfigError if a size is not a whole number above 0, or word vectors do not fit it */
  constructor(options: BagOfTokensOptions) {
    super();
    checkOptions('text.BagOfTokens', options, OPTIONS);
    const { vocabSize, embedDim, hiddenSize = embedDim } = options;
    for (const [what, size] of Object.entries({ vocabSize, embedDim, hiddenSize })) {
      checkPositive('text.BagOfTokens', what, size);
    }
    this.#options = options;
    this.embedDim = embedDim;
    const generator = generatorOf(options, 'text/bag-of-tokens');
    const init = initOf(options.wordVectors, vocabSize, hiddenSize);
    this.embedding = new Embedding(vocabSize, hiddenSize, { generator, init });
    this.norm = new LayerNorm(hiddenSize);
    this.projection = new Linear(hiddenSize, embedDim, { generator });
  }

  /** Rows of the token embedding's table. */
  get vocabSize(): number {
    return this.tokenEmbedding.numEmbeddings;
  }

  /** The token table, which `resizeTokenEmbeddings` makes longer or shorter. */
  get tokenEmbedding(): Embedding {
    return this.embedding;
  }

  /**
   * int32 [B, T] of any length -> `pooled` [B, embedDim], `sequence` [B, T, embedDim].
   *
   * @throws ShapeError if ids and mask do not fit
   */
  encode(input: TextInput, _context: Context): Encoded {
    checkTokens('text.BagOfTokens', input);
    const mask = tf.cast(input.attentionMask, 'float32');
    const tokens = this.embedding.forward(input.inputIds); // [B, T, hiddenSize]
    const project = <T extends tf.Tensor>(x: T): T => this.projection.forward(this.norm.forward(x));
    return { pooled: project(poolSequence(tokens, mask, 'mean')), sequence: project(tokens), mask };
  }

  override describe(): PartDescription {
    const { vocabSize } = this;
    const { embedDim, hiddenSize } = this.#options;
    return { kind: 'text/bag-of-tokens', options: { vocabSize, embedDim, hiddenSize } };
  }
}

function initOf(wordVectors: BagOfTokensOptions['wordVectors'], vocabSize: number, hiddenSize: number): Initializer {
  const drawn = normal(0.02);
  if (!wordVectors) return drawn;
  const { vectors, scale = 0.1 } = wordVectors;
  const [rows, width] = vectors.shape;
  if (rows !== vocabSize || width > hiddenSize) {
    throw new ConfigError({
      where: 'text.BagOfTokens: wordVectors',
      expected: `${vocabSize} rows of at most ${hiddenSize} numbers`,
      got: `[${rows}, ${width}]`,
      remedy: 'make them with the vocabSize of this tokenizer, and a hiddenSize of at least their width',
    });
  }
  return startFromVectors(vectors, scale, drawn);
}
