import { ConfigError } from '@diptych/core';
import type { FilterNode } from './filter.js';
import { SegmentFilter } from './filter-rows.js';
import { bothBits, countBits, hasBit } from './format/bits.js';
import type { IndexHeader } from './format/commit-log.js';
import type { Segment } from './format/segment.js';
import { parseMetadata } from './metadata.js';
import type { Precision } from './precision.js';
import type { ScanPool } from './scan/scan-pool.js';
import type { ScanResult } from './scan/scanner.js';
import type { Snapshot } from './snapshot.js';
import { TopK } from './top-k.js';
import type { Hit } from './vector-store.js';

/** A search whose parts are in order. */
export interface CheckedSearch {
  /** [Q, embedDim], of length 1 with metric `cosine`. */
  readonly queries: Float32Array;
  readonly k: number;
  readonly minScore: number;
  readonly filter?: FilterNode;
}

type Found = ScanResult[number];

/** Searches in snapshots: filter, scan, comparison again, records of what was found. */
export class IndexSearch {
  readonly #header: IndexHeader;
  readonly #pool: ScanPool;
  readonly #filters = new WeakMap<Segment, SegmentFilter>();

  constructor(header: IndexHeader, pool: ScanPool) {
    this.#header = header;
    this.#pool = pool;
  }

  async nearest(snapshot: Snapshot, search: CheckedSearch): Promise<Hit[][]> {
    return this.#hits(snapshot, await this.#best(snapshot, search));
  }

  /** See `ExactIndex.nearestAmong`. */
  async nearestAmong(snapshot: Snapshot, search: CheckedSearch, keys: readonly BigUint64Array[]): Promise<Hit[][]> {
    const { filter } = search;
    const fitting = new Map<Segment, Uint8Array>();
    if (filter) {
      for (const { segment } of snapshot.parts) fitting.set(segment, await this.matching(segment, filter));
    }
    const found = keys.map((proposed) => {
      const places = Array.from(proposed, (key) => snapshot.findKey(key)).filter((place) => place !== undefined);
      const counting = places.filter(({ part, row }) => !filter || hasBit(fitting.get(part.segment)!, row));
      const there = counting.map(({ part, row }) => snapshot.keyOf(snapshot.parts.indexOf(part)) + row);
      return { keys: Float64Array.from(there), scores: new Float64Array(there.length) };
    });
    return this.#hits(snapshot, this.#compareAgain(snapshot, search, found));
  }

  #hits(snapshot: Snapshot, found: readonly Found[]): Hit[][] {
    return found.map(({ scores, keys }) =>
      Array.from(keys, (key, i) => {
        const { part, row } = snapshot.placeOf(key);
        const { id, metadata } = part.segment.record(row);
        return { id, score: scores[i]!, metadata: parseMetadata(metadata) };
      }),
    );
  }

  /** Rows of a segment that a filter leaves, also among those that are no longer there. */
  matching(segment: Segment, filter: FilterNode): Promise<Uint8Array> {
    let rows = this.#filters.get(segment);
    if (!rows) {
      rows = new SegmentFilter(segment);
      this.#filters.set(segment, rows);
    }
    return rows.rows(filter);
  }

  /** See `ExactIndex.recall`. */
  async recall(snapshot: Snapshot, queries: Float32Array, k: number): Promise<number> {
    const { precision, rerank } = this.#header;
    if (!rerank) {
      if (precision === 'float32') return 1;
      throw new ConfigError({
        where: 'search.ExactIndex.recall',
        expected: 'rows in a more exact precision to compare with',
        got: `only ${precision}`,
        remedy: "make the index with rerank: 'float32'",
      });
    }
    // the exact rows are read once and not kept
    const exactly = this.#pool.beside(rerank);
    try {
      const search: CheckedSearch = { queries, k, minScore: Number.NEGATIVE_INFINITY };
      const wanted = await this.#scan(exactly, rerank, snapshot, search);
      const found = await this.#best(snapshot, search);
      let right = 0;
      let all = 0;
      for (const [query, { keys }] of wanted.entries()) {
        const there = new Set(found[query]!.keys);
        all += keys.length;
        for (const key of keys) if (there.has(key)) right++;
      }
      return all === 0 ? 1 : right / all;
    } finally {
      await exactly.close();
    }
  }

  async #best(snapshot: Snapshot, search: CheckedSearch): Promise<readonly Found[]> {
    const { precision, rerank } = this.#header;
    const { k } = search;
    if (!rerank) return this.#scan(this.#pool, precision, snapshot, search);
    const more = { ...search, k: Math.max(4 * k, k + 32), minScore: Number.NEGATIVE_INFINITY };
    const found = await this.#scan(this.#pool, precision, snapshot, more);
    return this.#compareAgain(snapshot, search, found);
  }

  async #scan(
    pool: ScanPool,
    precision: Precision,
    snapshot: Snapshot,
    { queries, k, minScore, filter }: CheckedSearch,
  ): Promise<ScanResult> {
    const segments = await Promise.all(
      snapshot.parts.map(async ({ segment, live, liveRows }, part) => {
        const fitting = filter && liveRows > 0 ? await this.matching(segment, filter) : undefined;
        const allowed = live && fitting ? bothBits(live, fitting) : (live ?? fitting);
        return { segment: segment.scanned(precision), firstKey: snapshot.keyOf(part), allowed, liveRows };
      }),
    );
    const there = segments.flatMap(({ liveRows, ...one }) => (liveRows > 0 ? [one] : []));
    return pool.scan({ queries, k: Math.min(k, Math.max(1, snapshot.rows)), minScore, segments: there });
  }

  /** The best of each query by their products in double precision with the rows as exactly as they are stored. */
  #compareAgain(snapshot: Snapshot, { queries, k, minScore }: CheckedSearch, found: ScanResult): Found[] {
    const { embedDim } = this.#header;
    const vector = new Float32Array(embedDim);
    return found.map(({ keys }, query) => {
      const best = new TopK(k);
      for (const key of keys) {
        const { part, row } = snapshot.placeOf(key);
        part.segment.readVector(row, vector);
        let score = 0;
        for (let i = 0; i < embedDim; i++) score += vector[i]! * queries[query * embedDim + i]!;
        if (score > minScore) best.push(score, key);
      }
      return best.sorted();
    });
  }
}

/** Rows that are there, and that a filter leaves. */
export async function countRows(
  snapshot: Snapshot,
  matching?: (segment: Segment) => Promise<Uint8Array>,
): Promise<number> {
  if (!matching) return snapshot.rows;
  let count = 0;
  for (const { segment, live } of snapshot.parts) {
    const fitting = await matching(segment);
    count += countBits(live ? bothBits(live, fitting) : fitting);
  }
  return count;
}
