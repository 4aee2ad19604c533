import { checkPositive } from '@diptych/core';
import { type Generator, generatorOf, type RandomWeights } from '@diptych/nn';
import {
  adaptName,
  type NameAdapter,
  type PretrainedOptions,
  replaceTensors,
  type TensorCollection,
} from '@diptych/weights';

/** What `fromPretrained` of every text encoder takes. */
export interface TextPretrainedOptions extends PretrainedOptions, RandomWeights {
  /**
   * Rows of the token table, where the tokenizer does not have as many tokens as the checkpoint: surplus rows at the end go,
   * missing ones are new. Default: the checkpoint's.
   */
  readonly vocabSize?: number;
  /**
   * How new rows start. `mean` (default): near the mean of the old ones, drawn with 1e-9 times their covariance, as
   * transformers' `resize_token_embeddings` does. `normal`: N(0, 0.02^2), as it does with `mean_resizing=False`.
   */
  readonly newTokens?: 'mean' | 'normal';
}

/** Which table, and what becomes of it. */
export interface TokenTableOptions
  extends Pick<TextPretrainedOptions, 'vocabSize' | 'newTokens' | 'seed' | 'generator'> {
  readonly where: string;
  readonly adapter: NameAdapter;
  /** The model's name of the table. */
  readonly target: string;
}

/**
 * The same checkpoint with a longer or shorter token table.
 *
 * @throws ConfigError if vocabSize is not a whole number above 0
 */
export function withVocabSize(tensors: TensorCollection, options: TokenTableOptions): TensorCollection {
  const { vocabSize, adapter, target, where } = options;
  if (vocabSize === undefined) return tensors;
  checkPositive(where, 'vocabSize', vocabSize);
  const name = [...tensors.infos.keys()].find((key) => adaptName(key, adapter)?.names.includes(target));
  const [rows, width] = (name === undefined ? undefined : tensors.infos.get(name)?.shape) ?? [];
  // a table that is missing or no table is loadState's to report
  if (name === undefined || rows === undefined || width === undefined || rows === vocabSize) return tensors;
  const data = resizedTable(tensors.read(name).data as Float32Array, [rows, width], vocabSize, options);
  return replaceTensors(tensors, { [name]: { dtype: 'float32', shape: [vocabSize, width], data } });
}

/** How rows of new tokens start. */
export type NewRowOptions = Pick<TextPretrainedOptions, 'newTokens' | 'seed' | 'generator'>;

/** A table with surplus rows cut off, or new ones behind. */
export function resizedTable(
  old: Float32Array,
  [rows, width]: readonly [rows: number, width: number],
  vocabSize: number,
  options: NewRowOptions,
): Float32Array {
  const data = new Float32Array(vocabSize * width);
  data.set(old.subarray(0, data.length));
  if (vocabSize > rows) {
    const draw = options.newTokens === 'normal' ? normalRows : rowsAroundMean;
    data.set(draw(old, [rows, width], vocabSize - rows, generatorOf(options, 'text/new-tokens')), rows * width);
  }
  return data;
}

type DrawRows = (
  old: Float32Array,
  shape: readonly [rows: number, width: number],
  count: number,
  generator: Generator,
) => Float32Array;

const normalRows: DrawRows = (_old, [, width], count, generator) => generator.normal(count * width, 0, 0.02);

/**
 * Rows from a normal distribution with the mean of the old ones and 1e-9 times their covariance (divided by their number);
 * the mean itself where the covariance is singular. Hewitt, Initializing New Word Embeddings for Pretrained Language Models
 * (2021), https://nlp.stanford.edu/~johnhew/vocab-expansion.html.
 */
const rowsAroundMean: DrawRows = (old, [rows, width], count, generator) => {
  const mean = new Float64Array(width);
  for (let i = 0; i < old.length; i++) mean[i % width]! += old[i]! / rows;
  const drawn = new Float32Array(count * width);
  for (let row = 0; row < count; row++) {
    const sum = new Float64Array(width);
    if (rows > width) {
      // sum over rows of z * (row - mean), z standard normal, has rows * covariance: no factorisation is needed
      const z = generator.normal(rows);
      for (let i = 0; i < old.length; i++) sum[i % width]! += z[Math.floor(i / width)]! * (old[i]! - mean[i % width]!);
    }
    for (let i = 0; i < width; i++) drawn[row * width + i] = mean[i]! + sum[i]! * Math.sqrt(1e-9 / rows);
  }
  return drawn;
};
