import {
  ConfigError,
  checkMatrix,
  checkOptions,
  checkPositive,
  type MatrixData,
  type OptionNames,
  ShapeError,
} from '@diptych/core';
import { type EmbeddedPairs, partnersOf } from './rows.js';
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
  /** Pairs with equal captions are right answers to each other, as in training, where `captions` come with the vectors. Default true. */
  readonly equalCaptions?: boolean;
}

const OPTIONS: OptionNames<MineOptions> = {
  k: 'optional',
  below: 'optional',
  equalCaptions: 'optional',
  blockBytes: 'optional',
};

/** The most similar wrong partners of each pair, most similar first; -1 where there are fewer than k. */
export interface HardNegatives {
  readonly k: number;
  /** `[N, k]`: rows whose texts are wrong for picture i. */
  readonly texts: Int32Array;
  /** `[N, k]`: rows whose pictures are wrong for text i. */
  readonly images: Int32Array;
}

/**
 * Finds, for each picture, the wrong texts that the towers take for right, and for each text the wrong pictures: to be put
 * into one batch with it, or to be looked at. Pairs with equal ids or equal captions are never negatives of each other.
 *
 * @param pairs as train's `embedPairs` gives them
 * @throws ConfigError for an unknown option, unless k is a whole number above 0 and `below` one above 0
 * @throws ShapeError unless there are as many ids, captions and rows of both sides, of one width
 */
export async function mineHardNegatives(pairs: EmbeddedPairs, options: MineOptions = {}): Promise<HardNegatives> {
  checkOptions(WHERE, options, OPTIONS);
  const { k = 5, below = Number.POSITIVE_INFINITY, equalCaptions = true, blockBytes } = options;
  checkPositive(WHERE, 'k', k);
  if (!(typeof below === 'number' && below > 0)) {
    throw new ConfigError({ where: WHERE, expected: 'below to be a number above 0', got: String(below) });
  }
  checkPairs(pairs);
  const { image, text, ids, captions } = pairs;
  const partners = partnersOf({ ids, captions: equalCaptions ? captions : undefined });
  const oneWay = async (queries: MatrixData, candidates: MatrixData): Promise<Int32Array> => {
    const found = new Int32Array(ids.length * k).fill(-1);
    const total = candidates.shape[0];
    for await (const { first, rows, scores } of scoreBlocks(queries, candidates, { blockBytes })) {
      for (let row = 0; row < rows; row++) {
        const query = first + row;
        const own = scores.subarray(row * total, (row + 1) * total);
        const limit = below === Number.POSITIVE_INFINITY ? below : below * own[query]!;
        const usable = own.map((score) => (score > limit ? Number.NaN : score));
        for (const partner of partners(query)) usable[partner] = Number.NaN;
        const { indices } = largest(usable, k);
        found.set(indices, query * k);
      }
    }
    return found;
  };
  return { k, texts: await oneWay(image, text), images: await oneWay(text, image) };
}

const WHERE = 'metrics.mineHardNegatives';

function checkPairs(pairs: EmbeddedPairs): void {
  const { image, text, ids, captions = ids } = pairs ?? {};
  checkMatrix(WHERE, 'image', image);
  checkMatrix(WHERE, 'text', text, image.shape[1]);
  const counts = { text: text.shape[0], ids: ids?.length, captions: captions?.length };
  const wrong = Object.entries(counts).filter(([, count]) => count !== image.shape[0]);
  if (wrong.length === 0) return;
  throw new ShapeError({
    where: WHERE,
    expected: `as many texts, ids and captions as pictures, ${image.shape[0]}`,
    got: wrong.map(([what, count]) => `${count ?? 'no'} ${what}`).join(', '),
    remedy: 'pass what embedPairs gives',
  });
}
