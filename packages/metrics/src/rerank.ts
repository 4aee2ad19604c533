import {
  ConfigError,
  checkFunction,
  checkMatrix,
  checkOptions,
  type MatrixData,
  type OptionNames,
} from '@diptych/core';
import { type Nearest, topK } from './top-k.js';

/** Logits of pairs: text row `textRows[p]` with image row `imageRows[p]`; above 0 means that they belong together. */
export type PairScorer = (
  imageRows: Int32Array,
  textRows: Int32Array,
) => ArrayLike<number> | Promise<ArrayLike<number>>;

/** Options of {@link rerank}. */
export interface RerankOptions {
  /** How many of the best by cosine are looked at again; default 50. */
  readonly top?: number;
  /** Factor on the cosine beside the matcher's logit: the model's exp(logit_scale); 0 for the matcher alone. */
  readonly scale: number;
}

const OPTIONS: OptionNames<RerankOptions> = { top: 'optional', scale: 'required' };

/**
 * Pictures for texts in two passes: the nearest by cosine, then these ordered anew by `scale * cosine + match logit`.
 *
 * @param score the fused matcher on pairs of rows, e.g. through `model.fuse` and `model.matchLogits`
 * @returns for each text the picture rows, best first, with their combined scores
 * @throws ConfigError if the matcher gives another number of logits
 */
export async function rerank(
  text: MatrixData,
  image: MatrixData,
  score: PairScorer,
  options: RerankOptions,
): Promise<Nearest[]> {
  const where = 'metrics.rerank';
  checkMatrix(where, 'text', text);
  checkMatrix(where, 'image', image, text.shape[1]);
  checkFunction(where, 'score', score);
  checkOptions(where, options, OPTIONS);
  const { top = 50, scale } = options;
  const nearest = await topK(text, image, top);
  const textRows = Int32Array.from(nearest.flatMap(({ indices }, query) => Array<number>(indices.length).fill(query)));
  const imageRows = Int32Array.from(nearest.flatMap(({ indices }) => [...indices]));
  const logits = await score(imageRows, textRows);
  if (logits.length !== imageRows.length) {
    throw new ConfigError({
      where,
      expected: `${imageRows.length} logits`,
      got: String(logits.length),
    });
  }
  let offset = 0;
  return nearest.map(({ indices, scores }) => {
    const combined = Float32Array.from(scores, (cosine, i) => scale * cosine + logits[offset + i]!);
    offset += indices.length;
    const order = Array.from(indices.keys()).sort((a, b) => combined[b]! - combined[a]! || a - b);
    return {
      indices: Int32Array.from(order, (i) => indices[i]!),
      scores: Float32Array.from(order, (i) => combined[i]!),
    };
  });
}

/**
 * Share of pictures whose own text the matcher scores above the towers' most similar wrong one: does the fused vector add
 * anything to the cosine?
 *
 * @param image [N, D], row i belongs to row i of `text`
 */
export async function matchingAccuracy(image: MatrixData, text: MatrixData, score: PairScorer): Promise<number> {
  const where = 'metrics.matchingAccuracy';
  checkMatrix(where, 'image', image);
  checkMatrix(where, 'text', text, image.shape[1]);
  checkFunction(where, 'score', score);
  const count = image.shape[0];
  const nearest = await topK(image, text, 2);
  const own = Int32Array.from({ length: count }, (_, i) => i);
  const wrong = Int32Array.from(nearest, ({ indices }, i) => (indices[0] === i ? (indices[1] ?? i) : indices[0]!));
  const [right, other] = [await score(own, own), await score(own, wrong)];
  return own.filter((i) => wrong[i] !== i && right[i]! > other[i]!).length / Math.max(1, count);
}
