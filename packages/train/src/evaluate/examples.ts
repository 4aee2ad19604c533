import { checkFields, checkOptions, type OptionNames } from '@diptych/core';
import { type EmbeddedPairs, normalizeRows, partnersOf, rankRelevant, topK } from '@diptych/metrics';

/** A caption and where its picture stands among all pictures. A type, as logs take it as JSON. */
export type RankedExample = {
  /** Place of the pair in its source, from 0. */
  readonly row: number;
  readonly id: string;
  /** Of the best right picture, from 1; wrong ones that score as high stand before it. */
  readonly rank: number;
  /** Cosine of the caption and its own picture. */
  readonly score: number;
  /** The pictures that are nearest to the caption, by their pairs, best first. */
  readonly found: readonly { readonly row: number; readonly id: string; readonly score: number }[];
};

/** Captions that show what a model can and cannot do. */
export interface Examples {
  /** Of how many pairs. */
  readonly of: number;
  /** Found first, with the highest cosine. */
  readonly best: readonly RankedExample[];
  /** Found last. */
  readonly worst: readonly RankedExample[];
  /** The same captions each time, spread evenly over the pairs. */
  readonly followed: readonly RankedExample[];
}

/** How many of each kind, and pictures for each. */
export interface ExampleOptions {
  /** Default 12. */
  readonly count?: number;
  /** Default 5. */
  readonly found?: number;
}

const OPTIONS: OptionNames<ExampleOptions> = { count: 'optional', found: 'optional' };

/**
 * Ranks every caption's picture as `evaluate` does (equal ids, and equal captions where there are keys of them, are right answers), and
 * picks the captions to look at.
 */
export async function rankExamples(pairs: EmbeddedPairs, options: ExampleOptions = {}): Promise<Examples> {
  checkFields('train.rankExamples', 'pairs', pairs, ['image', 'text', 'ids']);
  checkOptions('train.rankExamples', options, OPTIONS);
  const { ids } = pairs;
  const { count = 12, found = 5 } = options;
  const image = normalizeRows(pairs.image);
  const text = normalizeRows(pairs.text);
  const ranks: number[] = [];
  for await (const { ahead } of rankRelevant(text, image, partnersOf(pairs))) ranks.push(ahead[0]! + 1);
  const scores = ranks.map((_, i) => {
    const own = image.row(i);
    return text.row(i).reduce((sum, value, k) => sum + value * own[k]!, 0);
  });
  const order = ranks.map((_, i) => i).sort((i, j) => ranks[i]! - ranks[j]! || scores[j]! - scores[i]!);
  const most = Math.min(count, ranks.length);
  const spread = Array.from({ length: most }, (_, k) => Math.floor((k * ranks.length) / most));
  const chosen = {
    best: order.slice(0, most).filter((i) => ranks[i] === 1),
    worst: order
      .slice(-most)
      .reverse()
      .filter((i) => ranks[i]! > 1),
    followed: spread,
  };
  const nearest = await topK(text, image, found);
  const listed = (kind: readonly number[]): RankedExample[] =>
    kind.map((row) => {
      const { indices, scores: near } = nearest[row]!;
      const pictures = Array.from(indices, (index, k) => ({ row: index, id: ids[index]!, score: near[k]! }));
      return { row, id: ids[row]!, rank: ranks[row]!, score: scores[row]!, found: pictures };
    });
  return {
    of: ranks.length,
    best: listed(chosen.best),
    worst: listed(chosen.worst),
    followed: listed(chosen.followed),
  };
}
