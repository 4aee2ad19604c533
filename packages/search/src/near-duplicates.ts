import { createHash } from 'node:crypto';
import { ConfigError, checkBytes, checkMethods, checkOptions, Matrix, type OptionNames } from '@diptych/core';
import type { ExactIndex } from './exact-index.js';
import { type Filter, matches, parseFilter } from './filter.js';
import type { RowBlock } from './list-rows.js';
import type { Hit } from './vector-store.js';

/** Options of {@link nearDuplicates}. */
export interface NearDuplicatesOptions {
  /** Cosine from which on two rows count as nearly the same, default 0.95. What is right depends on the model: look at groups. */
  readonly threshold?: number;
  /** Column of the metadata with an id of the content, as {@link contentId} makes it; default `content`. */
  readonly content?: string;
  /** Which rows count; default all. */
  readonly filter?: Filter;
  readonly signal?: AbortSignal;
  /** After each batch, with the rows done so far. */
  readonly onProgress?: (rows: number) => void;
}

/** Rows that are nearly the same. */
export interface SimilarGroup {
  /** The first of them in the index's order, which stands for the others. */
  readonly leader: string;
  /** The others with their cosine to it, nearest first. */
  readonly members: readonly { readonly id: string; readonly score: number }[];
}

/** Copies and look-alikes, apart: a copy is never among the look-alikes, only the first of its group may be. */
export interface NearDuplicates {
  /** Ids of rows with the same content, in the index's order: two or more each. */
  readonly identical: readonly (readonly string[])[];
  readonly similar: readonly SimilarGroup[];
}

const WHERE = 'search.nearDuplicates';
/** Rows that are looked for at a time. */
const BATCH = 256;
/** Neighbours of a row that are looked at first. */
const NEIGHBOURS = 32;

const OPTIONS: OptionNames<NearDuplicatesOptions> = {
  threshold: 'optional',
  content: 'optional',
  filter: 'optional',
  signal: 'optional',
  onProgress: 'optional',
};

/**
 * An id of bytes for a row's metadata, by which copies are found: SHA-256, in hexadecimal.
 *
 * @throws ConfigError for anything but a Uint8Array
 */
export function contentId(bytes: Uint8Array): string {
  checkBytes('search.contentId', bytes);
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Finds rows with the same content by its id in their metadata, and rows that are nearly the same by cosine.
 *
 * Of the latter, each row joins the nearest of the rows before it that stand for a group, if that is near enough, and stands for a group
 * of its own if none is (leader clustering, Hartigan 1975). So every member is as near to its leader as `threshold` says; chains of rows,
 * each near to the next, do not become one group. Compares all rows with all: minutes for 100,000, an hour for a million on two cores.
 *
 * @throws ConfigError for a threshold outside (0, 1], or an index that compares by product
 */
export async function nearDuplicates(index: ExactIndex, options: NearDuplicatesOptions = {}): Promise<NearDuplicates> {
  checkMethods(WHERE, index, ['rows', 'search'], 'await openIndex(folder)');
  checkOptions(WHERE, options, OPTIONS);
  const { threshold = 0.95, content = 'content', filter, signal, onProgress } = options;
  if (!(threshold > 0 && threshold <= 1)) {
    throw new ConfigError({ where: WHERE, expected: 'a threshold above 0 and at most 1', got: String(threshold) });
  }
  if (index.metric !== 'cosine') {
    throw new ConfigError({ where: WHERE, expected: 'an index with metric cosine', got: index.metric });
  }
  const node = filter && parseFilter(WHERE, filter);
  const copies = new Map<string, string[]>();
  const groups = new Leaders(index, threshold, filter);
  let done = 0;
  for await (const block of index.rows()) {
    const kept: number[] = [];
    for (const [i, metadata] of block.metadata.entries()) {
      if (node && !matches(node, metadata)) continue;
      const key = Object.hasOwn(metadata, content) ? JSON.stringify(metadata[content]) : 'null';
      const others = key === 'null' ? undefined : copies.get(key);
      if (others) {
        others.push(block.ids[i]!);
        continue;
      }
      if (key !== 'null') copies.set(key, [block.ids[i]!]);
      kept.push(i);
    }
    for (let first = 0; first < kept.length; first += BATCH) {
      signal?.throwIfAborted();
      await groups.add(block, kept.slice(first, first + BATCH));
    }
    done += block.ids.length;
    onProgress?.(done);
  }
  return { identical: [...copies.values()].filter(({ length }) => length > 1), similar: groups.groups() };
}

interface Scored {
  readonly id: string;
  readonly score: number;
}

/** Groups in the making. */
class Leaders {
  readonly #index: ExactIndex;
  readonly #minScore: number;
  readonly #filter: Filter | undefined;
  readonly #members = new Map<string, Scored[]>();
  /** Of every row so far; its own for those that stand for a group. */
  readonly #leaders = new Map<string, string>();

  constructor(index: ExactIndex, threshold: number, filter: Filter | undefined) {
    this.#index = index;
    // scores have to exceed it, and those of equal rows are 1 but for rounding
    this.#minScore = threshold - 1e-6;
    this.#filter = filter;
  }

  /** Rows in their order. */
  async add(block: RowBlock, rows: readonly number[]): Promise<void> {
    const queries = Matrix.concat(
      rows.map((row) => ({ data: block.vectors.row(row), shape: [1, this.#index.embedDim] as const })),
    );
    const found = await this.#search(queries, NEIGHBOURS);
    for (const [i, row] of rows.entries()) {
      const id = block.ids[row]!;
      const vector = block.vectors.row(row);
      let near = found[i]!;
      let leader = await this.#nearestLeader(id, vector, near);
      // of very many near rows that belong to others, the one that leads may come later
      for (let k = NEIGHBOURS * 16; !leader && near.length === k / 16; k *= 16) {
        near = (await this.#search({ data: vector, shape: [1, this.#index.embedDim] }, k))[0]!;
        leader = await this.#nearestLeader(id, vector, near);
      }
      this.#leaders.set(id, leader?.id ?? id);
      if (leader) this.#members.get(leader.id)!.push({ id, score: leader.score });
      else this.#members.set(id, []);
    }
  }

  /** Of the leaders of near rows, which need not be among these, the nearest that is near enough. */
  async #nearestLeader(id: string, vector: Float32Array, near: readonly Hit[]): Promise<Scored | undefined> {
    const scores = new Map(near.map((hit) => [hit.id, hit.score]));
    const leaders = [...new Set(near.flatMap((hit) => (hit.id === id ? [] : (this.#leaders.get(hit.id) ?? []))))];
    const unseen = leaders.filter((leader) => !scores.has(leader));
    for (const row of await this.#index.get(unseen)) {
      const score = row!.vector.reduce((sum, x, i) => sum + x * vector[i]!, 0);
      if (score > this.#minScore) scores.set(row!.id, score);
    }
    const [best] = leaders
      .flatMap((leader) => (scores.has(leader) ? [{ id: leader, score: scores.get(leader)! }] : []))
      .sort((x, y) => y.score - x.score);
    return best;
  }

  groups(): SimilarGroup[] {
    return [...this.#members].flatMap(([leader, members]) =>
      members.length > 0 ? [{ leader, members: members.sort((a, b) => b.score - a.score) }] : [],
    );
  }

  #search(queries: { data: Float32Array; shape: readonly [number, number] }, k: number) {
    return this.#index.search(queries, { k, minScore: this.#minScore, ...(this.#filter && { filter: this.#filter }) });
  }
}
