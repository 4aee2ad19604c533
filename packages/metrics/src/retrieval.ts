import { ConfigError, checkMatrix, type MatrixData } from '@diptych/core';
import { rankRelevant } from './ranks.js';
import type { BlockOptions } from './score-blocks.js';

/** How well one direction of a retrieval works. */
export interface RetrievalScores {
  /** Share of queries with a relevant candidate among the first k: `recall@1`, `recall@5`, `recall@10`. */
  readonly [recall: `recall@${number}`]: number;
  /** Of the rank of each query's best relevant candidate, from 1. */
  readonly medianRank: number;
  readonly meanRank: number;
  /** Mean of 1 / rank (mean reciprocal rank). */
  readonly mrr: number;
  /** Normalised discounted cumulative gain over all candidates, relevance 0 or 1. */
  readonly ndcg: number;
  /** Mean average precision. */
  readonly map: number;
  readonly queries: number;
  readonly candidates: number;
}

/** Both directions. */
export interface RetrievalReport {
  readonly textToImage: RetrievalScores;
  readonly imageToText: RetrievalScores;
}

/** Options of {@link retrieval}. */
export interface RetrievalOptions extends BlockOptions {
  /** Default [1, 5, 10]. */
  readonly ks?: readonly number[];
  /**
   * What picture i and text j are of; equal ids are relevant to each other. Default: picture i and text i belong together. With
   * five captions a picture (Karpathy's protocol), `textIds` names each caption's picture. An item may have several ids: it is
   * relevant to all that share one of them.
   */
  readonly imageIds?: readonly ItemId[];
  readonly textIds?: readonly ItemId[];
}

/** What an item is of: one id, or several. */
export type ItemId = string | number | readonly (string | number)[];

/**
 * Retrieval by cosine similarity, text to image and image to text.
 *
 * Ranks are pessimistic: 1 + the wrong candidates that score at least as high. With several relevant candidates a query hits if
 * any of them is among the first k. Memory beyond the inputs is bounded by
 * `blockBytes`, whatever the numbers.
 *
 * @param image [N, D]; need not be normalised
 * @param text [M, D]
 * @throws ConfigError if ids are missing or a query has nothing relevant
 * @throws ShapeError if the widths differ
 */
export async function retrieval(
  image: MatrixData,
  text: MatrixData,
  options: RetrievalOptions = {},
): Promise<RetrievalReport> {
  checkMatrix('metrics.retrieval', 'image', image);
  checkMatrix('metrics.retrieval', 'text', text);
  const { imageIds = range(image.shape[0]), textIds = range(text.shape[0]) } = options;
  checkIds('imageIds', imageIds, image);
  checkIds('textIds', textIds, text);
  return {
    textToImage: await oneWay(text, image, textIds, imageIds, options),
    imageToText: await oneWay(image, text, imageIds, textIds, options),
  };
}

async function oneWay(
  queries: MatrixData,
  candidates: MatrixData,
  queryIds: readonly ItemId[],
  candidateIds: readonly ItemId[],
  { ks = [1, 5, 10], blockBytes }: RetrievalOptions,
): Promise<RetrievalScores> {
  const places = new Map<string | number, number[]>();
  for (const [i, ids] of candidateIds.entries()) {
    for (const id of asList(ids)) {
      const known = places.get(id);
      if (known) known.push(i);
      else places.set(id, [i]);
    }
  }
  const relevant = (query: number): readonly number[] => {
    const found = asList(queryIds[query]!).flatMap((id) => places.get(id) ?? []);
    if (found.length > 0) return asList(queryIds[query]!).length === 1 ? found : [...new Set(found)];
    throw new ConfigError({
      where: 'metrics.retrieval',
      expected: 'every query to have a relevant candidate',
      got: `none for id ${JSON.stringify(queryIds[query])}`,
      remedy: 'leave such rows out, or give matching imageIds and textIds',
    });
  };
  const tally = new Tally(ks);
  for await (const { ahead } of rankRelevant(queries, candidates, relevant, { blockBytes })) tally.add(ahead);
  return tally.scores(candidates.shape[0]);
}

/** Sums up ranks query by query. */
class Tally {
  readonly #ks: readonly number[];
  readonly #ranks: number[] = [];
  #reciprocal = 0;
  #gain = 0;
  #precision = 0;

  constructor(ks: readonly number[]) {
    this.#ks = ks;
  }

  /** @param ahead wrong candidates before each relevant one, best first */
  add(ahead: Int32Array): void {
    const rank = ahead[0]! + 1;
    this.#ranks.push(rank);
    this.#reciprocal += 1 / rank;
    let gain = 0;
    let ideal = 0;
    let precision = 0;
    for (let m = 0; m < ahead.length; m++) {
      const position = ahead[m]! + m + 1;
      gain += 1 / Math.log2(position + 1);
      ideal += 1 / Math.log2(m + 2);
      precision += (m + 1) / position;
    }
    this.#gain += gain / ideal;
    this.#precision += precision / ahead.length;
  }

  scores(candidates: number): RetrievalScores {
    const ranks = Float64Array.from(this.#ranks).sort();
    const queries = ranks.length;
    const mean = (sum: number) => (queries > 0 ? sum / queries : 0);
    const recalls = this.#ks.map((k) => [`recall@${k}`, mean(ranks.filter((rank) => rank <= k).length)]);
    return {
      ...(Object.fromEntries(recalls) as Record<`recall@${number}`, number>),
      medianRank: median(ranks),
      meanRank: mean(ranks.reduce((sum, rank) => sum + rank, 0)),
      mrr: mean(this.#reciprocal),
      ndcg: mean(this.#gain),
      map: mean(this.#precision),
      queries,
      candidates,
    };
  }
}

function median(sorted: Float64Array): number {
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

function asList(ids: ItemId): readonly (string | number)[] {
  return typeof ids === 'object' ? ids : [ids];
}

function checkIds(what: string, ids: readonly ItemId[], { shape }: MatrixData): void {
  if (ids.length === shape[0]) return;
  throw new ConfigError({
    where: 'metrics.retrieval',
    expected: `${what} for all ${shape[0]} rows`,
    got: `${ids.length}`,
  });
}
