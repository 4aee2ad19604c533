import { ConfigError, checkOptions, checkPositive, type OptionNames, type TextEncoder } from '@diptych/core';
import { Embedding, type RandomWeights } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { resizedTable, type TextPretrainedOptions } from './token-table.js';

/** Options of {@link resizeTokenEmbeddings}. */
export interface ResizeTokenOptions extends RandomWeights {
  /** How new rows start; default `mean`, as transformers 4.46 and later. */
  readonly newTokens?: TextPretrainedOptions['newTokens'];
  /** Rows are rounded up to a multiple of this, e.g. 64. */
  readonly padToMultipleOf?: number;
}

const OPTIONS: OptionNames<ResizeTokenOptions> = {
  newTokens: 'optional',
  padToMultipleOf: 'optional',
  seed: 'optional',
  generator: 'optional',
};
const WHERE = 'text.resizeTokenEmbeddings';

/**
 * Makes the token table of an encoder in memory longer or shorter, for a tokenizer that got tokens added, as transformers'
 * `resize_token_embeddings`: rows keep their places, surplus ones at the end go, new ones start near the mean of the old ones
 * (drawn with 1e-9 times their covariance). The description follows, so that the encoder is saved and loaded with them.
 *
 * ```js
 * await resizeTokenEmbeddings(model.text, tokenizer.vocabSize);
 * ```
 *
 * Do it before a Trainer or an optimizer is made: they hold the table that goes.
 *
 * @param encoder of this package, one with a head on top (`withHead`), or any with a property `tokenEmbedding` of nn's Embedding
 * @param vocabSize rows that there shall be, such as `tokenizer.vocabSize`
 * @returns the rows that there are
 * @throws ConfigError for an encoder without such a table, or a size that is no whole number above 0
 */
export async function resizeTokenEmbeddings(
  encoder: TextEncoder,
  vocabSize: number,
  options: ResizeTokenOptions = {},
): Promise<number> {
  checkOptions(WHERE, options, OPTIONS);
  checkPositive(WHERE, 'vocabSize', vocabSize);
  const { padToMultipleOf = 1 } = options;
  checkPositive(WHERE, 'padToMultipleOf', padToMultipleOf);
  const embedding = tableOf(encoder);
  const rows = Math.ceil(vocabSize / padToMultipleOf) * padToMultipleOf;
  const { numEmbeddings, embeddingDim } = embedding;
  if (rows === numEmbeddings) return rows;
  const old = (await embedding.weight.data()) as Float32Array;
  const data = resizedTable(old, [numEmbeddings, embeddingDim], rows, options);
  embedding.replaceTable(tf.tensor2d(data, [rows, embeddingDim]));
  return rows;
}

function tableOf(encoder: unknown): Embedding {
  const embedding = (encoder as { readonly tokenEmbedding?: unknown } | null | undefined)?.tokenEmbedding;
  if (embedding instanceof Embedding) return embedding;
  throw new ConfigError({
    where: WHERE,
    expected: 'a text encoder with a token table (a property tokenEmbedding)',
    got: encoder === null || typeof encoder !== 'object' ? String(encoder) : encoder.constructor.name,
    remedy: 'give the text tower: model.text, or model.encoder.text of a JointModel',
  });
}

/**
 * The sizes that a description names: those that the encoder was built with, or with the rows that its table got since.
 *
 * @param config the sizes with their defaults
 */
export function sizesNow<Config extends { readonly vocabSize: number }>(
  architecture: string | Config,
  config: Config,
  vocabSize: number,
): string | Config {
  return config.vocabSize === vocabSize ? architecture : { ...config, vocabSize };
}
