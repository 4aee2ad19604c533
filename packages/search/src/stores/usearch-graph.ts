import { setImmediate as nextTurn } from 'node:timers/promises';
import { keyOfId } from '../format/id-table.js';
import { loadPeer } from './load-peer.js';

/** What is used of the package usearch. */
interface UsearchIndex {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void;
  search(vectors: Float32Array, k: number, threads: number): { keys: BigUint64Array; counts?: BigUint64Array };
  contains(keys: BigUint64Array): boolean | boolean[];
  remove(keys: BigUint64Array): unknown;
  size(): number;
  save(path: string): void;
  load(path: string): void;
}
interface UsearchModule {
  default: { Index: new (options: Record<string, unknown>) => UsearchIndex };
}

/** How the graph is built (hierarchical navigable small worlds, Malkov and Yashunin 2018). */
export interface GraphOptions {
  /** Neighbours of a row, M of the paper; default 16. */
  readonly connectivity?: number;
  /** Candidates while a row is added (efConstruction), default 128. */
  readonly expansionAdd?: number;
  /** Candidates of a search (ef), default 512: more find more, slower. */
  readonly expansionSearch?: number;
  /** How the graph holds vectors, default `f16`; the best are compared with the index's own rows. */
  readonly quantization?: 'f32' | 'f16' | 'i8';
}

/** Rows that are added before other work has its turn. */
const ROWS_AT_A_TIME = 256;

/** A graph of rows by the keys of their ids. */
export class UsearchGraph {
  readonly #index: UsearchIndex;
  readonly #embedDim: number;

  private constructor(index: UsearchIndex, embedDim: number) {
    this.#index = index;
    this.#embedDim = embedDim;
  }

  /** @throws ConfigError where usearch is not installed */
  static async create(
    where: string,
    embedDim: number,
    { connectivity = 16, expansionAdd = 128, expansionSearch = 512, quantization = 'f16' }: GraphOptions,
  ): Promise<UsearchGraph> {
    const { default: usearch } = await loadPeer<UsearchModule>(where, 'usearch', '^2.20');
    const index = new usearch.Index({
      dimensions: embedDim,
      metric: 'ip',
      quantization,
      connectivity,
      expansion_add: expansionAdd,
      expansion_search: expansionSearch,
      multi: false,
    });
    return new UsearchGraph(index, embedDim);
  }

  get size(): number {
    return this.#index.size();
  }

  /** Adds rows; those with the same ids are replaced. */
  async add(ids: readonly string[], vectors: Float32Array): Promise<void> {
    for (let first = 0; first < ids.length; first += ROWS_AT_A_TIME) {
      const keys = BigUint64Array.from(ids.slice(first, first + ROWS_AT_A_TIME), keyOfId);
      this.#remove(keys);
      this.#index.add(keys, vectors.slice(first * this.#embedDim, (first + keys.length) * this.#embedDim), 0);
      await nextTurn();
    }
  }

  delete(ids: readonly string[]): void {
    this.#remove(BigUint64Array.from(ids, keyOfId));
  }

  /** Keys of some near rows of each query. */
  search(queries: Float32Array, k: number): BigUint64Array[] {
    const count = queries.length / this.#embedDim;
    // one at a time in one call: answers of fewer than k rows are told apart by their counts
    return Array.from({ length: count }, (_, i) => {
      const query = queries.slice(i * this.#embedDim, (i + 1) * this.#embedDim);
      return this.#index.search(query, k, 1).keys;
    });
  }

  save(path: string): void {
    this.#index.save(path);
  }

  load(path: string): void {
    this.#index.load(path);
  }

  #remove(keys: BigUint64Array): void {
    const there = [this.#index.contains(keys)].flat();
    const known = keys.filter((_, i) => there[i]);
    if (known.length > 0) this.#index.remove(known);
  }
}
