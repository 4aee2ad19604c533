import type { Filter, Hit, SearchOptions, VectorStore } from '@diptych/search';
import { Batcher, type BatcherOptions } from '../model/batcher.js';

/** One search of a request. */
export interface OneSearch {
  /** Of length embedDim. */
  readonly query: Float32Array;
  readonly k: number;
  /** One that the store takes: it was asked to count with it. */
  readonly filter: Filter | undefined;
  readonly minScore: number | undefined;
}

/**
 * Searches of many requests through one call of the store: what comes while one is under way makes the next. Queries with the same filter
 * and about as many results go together; each gets the results that it would have alone.
 */
export class BatchedSearch {
  readonly #batcher: Batcher<OneSearch, readonly Hit[]>;

  constructor(store: VectorStore, options: BatcherOptions) {
    this.#batcher = new Batcher((searches) => searchAll(store, searches), options);
  }

  /** Searches that have not begun. */
  get waiting(): number {
    return this.#batcher.waiting;
  }

  async search(one: OneSearch, signal: AbortSignal): Promise<readonly Hit[]> {
    const [hits] = await this.#batcher.add([one], signal);
    return hits!;
  }
}

async function searchAll(store: VectorStore, searches: readonly OneSearch[]): Promise<readonly (readonly Hit[])[]> {
  const results: (readonly Hit[])[] = new Array(searches.length);
  const groups = new Map<string, number[]>();
  for (const [i, { filter, k }] of searches.entries()) {
    const key = JSON.stringify([filter ?? null, Math.ceil(Math.log2(k))]);
    groups.set(key, [...(groups.get(key) ?? []), i]);
  }
  for (const members of groups.values()) {
    const own = members.map((i) => searches[i]!);
    const [{ filter }] = own as [OneSearch];
    const data = new Float32Array(own.length * store.embedDim);
    for (const [row, { query }] of own.entries()) data.set(query, row * store.embedDim);
    const least = own.reduce((most, { minScore = Number.NEGATIVE_INFINITY }) => Math.min(most, minScore), Infinity);
    const options: SearchOptions = {
      k: own.reduce((most, { k }) => Math.max(most, k), 1),
      ...(filter && { filter }),
      ...(Number.isFinite(least) && { minScore: least }),
    };
    const found = await store.search({ data, shape: [own.length, store.embedDim] }, options);
    for (const [row, i] of members.entries()) {
      const { k, minScore } = searches[i]!;
      const hits = minScore === undefined ? found[row]! : found[row]!.filter(({ score }) => score > minScore);
      results[i] = hits.slice(0, k);
    }
  }
  return results;
}
