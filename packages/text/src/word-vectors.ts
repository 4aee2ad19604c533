import { ConfigError, checkFunction, checkOptions, checkPositive } from '@diptych/core';
import type { Initializer } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** A vector for each token of a vocabulary; rows of zeros where there is none. */
export interface TokenVectors {
  /** Row by row. */
  readonly data: ArrayLike<number>;
  /** [vocabSize, width]. */
  readonly shape: readonly [number, number];
}

/** Options of {@link tokenVectors}. */
export interface TokenVectorsOptions {
  readonly vocabSize: number;
  /** Token of a word that is a token by itself; undefined for all other words. */
  readonly idOf: (word: string) => number | undefined;
}

/** Words as frequent as this weigh half, as in Arora et al. */
const FREQUENT = 1e-3;

/**
 * A tokenizer's table from published vectors of words (GloVe, word2vec, fastText), ready for a mean over tokens: the
 * common direction of all words is taken out, and words weigh the less the more frequent they are, so that "a" and "the" do
 * not drown the rest (Arora, Liang and Ma 2017, A Simple but Tough-to-Beat Baseline for Sentence Embeddings, whose
 * `a / (a + p)` this is; `p` of a word by Zipf's law from its place).
 *
 * @param words the most frequent first, as the files list them
 * @returns rows of mean square 1 times the word's weight; zeros for tokens that are no word of the list
 * @throws ConfigError if vectors differ in width, or no token has one
 */
export function tokenVectors(
  words: Iterable<readonly [word: string, vector: ArrayLike<number>]>,
  options: TokenVectorsOptions,
): TokenVectors {
  const where = 'text.tokenVectors';
  if (typeof words?.[Symbol.iterator] !== 'function') {
    throw new ConfigError({ where, expected: 'pairs of a word and its vector', got: String(words) });
  }
  checkOptions(where, options, { vocabSize: 'required', idOf: 'required' });
  const { vocabSize, idOf } = options;
  checkPositive(where, 'vocabSize', vocabSize);
  checkFunction(where, 'idOf', idOf);
  const found = new Map<number, { readonly vector: ArrayLike<number>; readonly place: number }>();
  let width = 0;
  let place = 0;
  for (const [word, vector] of words) {
    place++;
    const id = idOf(word);
    if (id === undefined || found.has(id)) continue;
    width ||= vector.length;
    if (vector.length !== width) {
      throw new ConfigError({
        where: `text.tokenVectors: ${JSON.stringify(word)}`,
        expected: `a vector of ${width} numbers, as the words before`,
        got: String(vector.length),
      });
    }
    found.set(id, { vector, place });
  }
  if (found.size === 0) {
    throw new ConfigError({
      where: 'text.tokenVectors',
      expected: 'vectors of words that are tokens of the vocabulary',
      got: `${place} words, none of them a token`,
      remedy: 'give words in the case of the vocabulary: lower case for an uncased one',
    });
  }
  const mean = new Float64Array(width);
  for (const { vector } of found.values()) {
    for (let i = 0; i < width; i++) mean[i]! += vector[i]! / found.size;
  }
  const harmonic = Math.log(place) + 0.5772; // sum of 1 / place over all words
  const data = new Float32Array(vocabSize * width);
  for (const [id, { vector, place: rank }] of found) {
    const probability = 1 / (rank * harmonic);
    let squares = 0;
    for (let i = 0; i < width; i++) squares += (vector[i]! - mean[i]!) ** 2;
    const factor = (FREQUENT / (FREQUENT + probability)) * Math.sqrt(width / squares || 0);
    for (let i = 0; i < width; i++) data[id * width + i] = (vector[i]! - mean[i]!) * factor;
  }
  return { data, shape: [vocabSize, width] };
}

/** First values of a table: `scale` times the vectors in the first columns, and what `rest` draws everywhere else. */
export function startFromVectors({ data, shape }: TokenVectors, scale: number, rest: Initializer): Initializer {
  const [rows, width] = shape;
  return (table, generator) => {
    const drawn = rest(table, generator);
    const values = drawn.dataSync<'float32'>().slice();
    drawn.dispose();
    const columns = table[1]!;
    for (let row = 0; row < rows; row++) {
      let known = false;
      for (let i = 0; i < width; i++) known ||= data[row * width + i] !== 0;
      if (!known) continue;
      for (let i = 0; i < width; i++) values[row * columns + i] = scale * data[row * width + i]!;
    }
    return tf.tensor(values, table);
  };
}
