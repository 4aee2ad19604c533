import { ConfigError, type MatrixData } from '@diptych/core';
import type { EmbeddedPairs } from './rows.js';
import { type BlockOptions, scoreBlocks } from './score-blocks.js';
import { largest } from './top-k.js';

/** Options of {@link mineHardNegatives}. */
export interface MineOptions extends BlockOptions {
  /** Wrong partners for each item, default 5. */
  readonly k?: number;
  /**
   * Leaves out partners that score above this share of the true partner's similarity: they may well be right (false
   * negatives). Default: none is left out.
   */
  readonly below?: number;
}

/** The most similar wrong partners of each pair, most similar first; -1 where there are fewer than k. */
export interface HardNegatives {
  readonly k: number;
  /** [N, k]: rows whose texts are wrong for picture i. */
  readonly texts: Int32Array;
  /** [N, k]: rows whose pictures are wrong for text i. */
  readonly images: Int32Array;
}

/**
 * Finds, for each picture, the wrong texts that the towers take for right, and for each text the wrong pictures: to be put
 * into one batch with it, or to be looked at. Pairs with equal ids are never negatives of each other.
 *
 * @throws ConfigError unless k is a whole number above 0
 */
export async function mineHardNegatives(
  { image, text, ids }: EmbeddedPairs,
  { k = 5, below = Number.POSITIVE_INFINITY, blockBytes }: MineOptions = {},
): Promise<HardNegatives> {
  if (!(Number.isInteger(k) && k > 0)) {
    throw new ConfigError({ where: 'metrics.mineHardNegatives', expected: 'a whole k above 0', got: String(k) });
  }
  const oneWay = async (queries: MatrixData, candidates: MatrixData): Promise<Int32Array> => {
    const found = new Int32Array(ids.length * k).fill(-1);
    const total = candidates.shape[0];
    for await (const { first, rows, scores } of scoreBlocks(queries, candidates, { blockBytes })) {
      for (let row = 0; row < rows; row++) {
        const query = first + row;
        const own = scores.subarray(row * total, (row + 1) * total);
        const limit = below === Number.POSITIVE_INFINITY ? below : below * own[query]!;
        const usable = own.map((score, i) => (ids[i] === ids[query] || score > limit ? Number.NaN : score));
        const { indices } = largest(usable, k);
        found.set(indices, query * k);
      }
    }
    return found;
  };
  return { k, texts: await oneWay(image, text), images: await oneWay(text, image) };
}
