import type { MatrixData } from '@diptych/core';
import { type BlockOptions, scoreBlocks } from './score-blocks.js';

/** Where a query's relevant candidates stand. */
export interface QueryRanks {
  /**
   * For each relevant candidate, best first: how many candidates that are not relevant score at least as high. So ties
   * count against the model, and duplicates of an answer that are relevant too do not.
   */
  readonly ahead: Int32Array;
}

/**
 * Ranks the relevant candidates of every query by cosine similarity, in blocks of bounded memory.
 *
 * @param relevant positions of each query's relevant candidates
 */
export async function* rankRelevant(
  queries: MatrixData,
  candidates: MatrixData,
  relevant: (query: number) => ArrayLike<number>,
  options?: BlockOptions,
): AsyncGenerator<QueryRanks> {
  const total = candidates.shape[0];
  const isRelevant = new Uint8Array(total);
  for await (const { first, rows, scores } of scoreBlocks(queries, candidates, options)) {
    for (let row = 0; row < rows; row++) {
      const answers = relevant(first + row);
      const begin = row * total;
      const thresholds = Float32Array.from(answers, (candidate) => scores[begin + candidate]!)
        .sort()
        .reverse();
      for (let i = 0; i < answers.length; i++) isRelevant[answers[i]!] = 1;
      yield { ahead: countAhead(scores.subarray(begin, begin + total), thresholds, isRelevant) };
      for (let i = 0; i < answers.length; i++) isRelevant[answers[i]!] = 0;
    }
  }
}

/** For each threshold (falling), the number of irrelevant candidates that score at least as high. */
function countAhead(scores: Float32Array, thresholds: Float32Array, isRelevant: Uint8Array): Int32Array {
  const ahead = new Int32Array(thresholds.length);
  const lowest = thresholds[thresholds.length - 1]!;
  for (let candidate = 0; candidate < scores.length; candidate++) {
    const score = scores[candidate]!;
    // a score that is not a number is no reason to call the model right
    if (score < lowest || isRelevant[candidate]) continue;
    let level = thresholds.length - 1;
    while (level > 0 && !(score < thresholds[level - 1]!)) level--;
    ahead[level]!++;
  }
  for (let level = 1; level < ahead.length; level++) ahead[level]! += ahead[level - 1]!;
  return ahead;
}
