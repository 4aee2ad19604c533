import { type Context, ShapeError, type TextInput } from '@diptych/core';
import { Dropout, Embedding, type Generator, LayerNorm, Module, normal } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import type { ResolvedBertConfig } from './resolve-bert-config.js';

/** Sum of word, position and segment embeddings, normalised: int32 [B, T] -> [B, T, hiddenSize]. */
export class BertEmbeddings extends Module {
  readonly wordEmbeddings: Embedding;
  readonly positionEmbeddings: Embedding;
  readonly tokenTypeEmbeddings: Embedding | undefined;
  // transformers' name
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;
  readonly #config: ResolvedBertConfig;

  constructor(config: ResolvedBertConfig, generator: Generator) {
    super();
    this.#config = config;
    const { hiddenSize, padTokenId, typeVocabSize } = config;
    const init = normal(0.02);
    this.wordEmbeddings = new Embedding(config.vocabSize, hiddenSize, { generator, init, paddingIdx: padTokenId });
    this.positionEmbeddings = new Embedding(config.maxPositions, hiddenSize, {
      generator,
      init,
      paddingIdx: config.positions === 'roberta' ? padTokenId : undefined,
    });
    this.tokenTypeEmbeddings =
      typeVocabSize > 0 ? new Embedding(typeVocabSize, hiddenSize, { generator, init }) : undefined;
    this.LayerNorm = new LayerNorm(hiddenSize, { eps: config.layerNormEps });
    this.dropout = new Dropout(config.dropout);
  }

  forward({ inputIds, tokenTypeIds }: TextInput, context: Context): tf.Tensor3D {
    const length = inputIds.shape[1];
    const words = this.wordEmbeddings.forward(inputIds); // [B, T, D]
    const typed = this.#addTypes(words, tokenTypeIds);
    const sum: tf.Tensor3D = tf.add(typed, this.#positions(inputIds, length));
    return this.dropout.forward(this.LayerNorm.forward(sum), context);
  }

  #addTypes(words: tf.Tensor, tokenTypeIds: tf.Tensor2D | undefined): tf.Tensor {
    if (this.tokenTypeEmbeddings) {
      // without ids every token belongs to segment 0, whose row broadcasts
      const types = tokenTypeIds
        ? this.tokenTypeEmbeddings.forward(tokenTypeIds)
        : tf.slice(this.tokenTypeEmbeddings.weight, [0, 0], [1, -1]);
      return tf.add(words, types);
    }
    if (!tokenTypeIds) return words;
    throw new ShapeError({
      where: 'text.Bert',
      problem: 'this model has no segment embeddings, but the input has tokenTypeIds',
      remedy: 'leave tokenTypeIds out',
    });
  }

  /** [T, D], the same for every row, or [B, T, D] where padding shifts them. */
  #positions(inputIds: tf.Tensor2D, length: number): tf.Tensor {
    if (this.#config.positions === 'absolute') {
      return tf.slice(this.positionEmbeddings.weight, [0, 0], [length, -1]);
    }
    const { padTokenId } = this.#config;
    const real = tf.cast(tf.notEqual(inputIds, tf.scalar(padTokenId, 'int32')), 'int32');
    const counted = tf.mul(tf.cumsum(real, 1), real); // 1, 2, 3, … on tokens, 0 on padding
    return this.positionEmbeddings.forward(tf.cast(tf.add(counted, tf.scalar(padTokenId, 'int32')), 'int32'));
  }
}
