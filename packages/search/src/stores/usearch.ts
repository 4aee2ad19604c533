import { readdirSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ConfigError,
  checkMethods,
  checkOptions,
  checkPositive,
  Matrix,
  type MatrixData,
  type OptionNames,
} from '@diptych/core';
import { syncFolder } from '@diptych/core/node';
import { checkQueries, checkSearch } from '../check-rows.js';
import type { ExactIndex } from '../exact-index.js';
import type { Filter } from '../filter.js';
import type { Metric } from '../format/commit-log.js';
import type { Hit, SearchOptions, StoredRow, StoreRows, VectorStore } from '../vector-store.js';
import { OpenStore } from './open-store.js';
import { type GraphOptions, UsearchGraph } from './usearch-graph.js';

export type { GraphOptions } from './usearch-graph.js';

/** Options of {@link approximate}. */
export interface ApproximateOptions extends GraphOptions {
  /** Rows from which on there is a graph, default 200,000; with fewer every row is compared. */
  readonly from?: number;
}

const OPTIONS: OptionNames<ApproximateOptions> = {
  from: 'optional',
  connectivity: 'optional',
  expansionAdd: 'optional',
  expansionSearch: 'optional',
  quantization: 'optional',
};
const FILE = /^graph-(\d+)\.usearch$/;
/** How much of an index a filter has to leave for the graph to be asked. */
const LEAST_SHARE = 0.1;

/**
 * An exact index with a graph of usearch beside it, which finds nearly all of the nearest rows in a hundredth of the time. The
 * graph is only a proposal: its rows are compared with the index's own, and it is made anew from them if it is lost.
 *
 * ```ts ignore
 * const store = await approximate(await openIndex('pictures.index'));
 * ```
 *
 * @param index its writer or a reader; it is closed with the store, and rows have to be added through the store
 * @throws ConfigError where the package usearch is not installed and the index is large enough for a graph
 */
export async function approximate(index: ExactIndex, options: ApproximateOptions = {}): Promise<UsearchStore> {
  const where = 'search.approximate';
  checkMethods(where, index, ['add', 'search', 'rows', 'nearestAmong'], 'await openIndex(folder)');
  checkOptions(where, options, OPTIONS);
  const { from = 200_000, ...graph } = options;
  checkPositive(where, 'from', from);
  for (const name of ['connectivity', 'expansionAdd', 'expansionSearch'] as const) {
    if (graph[name] !== undefined) checkPositive(where, name, graph[name]);
  }
  if (!['f32', 'f16', 'i8', undefined].includes(graph.quantization)) {
    throw new ConfigError({ where, expected: 'quantization f32, f16 or i8', got: String(graph.quantization) });
  }
  const store = new UsearchStore(index, from, graph);
  await store.catchUp();
  return store;
}

/** Made by {@link approximate}. */
export class UsearchStore implements VectorStore {
  readonly embedDim: number;
  readonly metric: Metric;
  /** What has the rows. */
  readonly index: ExactIndex;
  readonly #from: number;
  readonly #options: GraphOptions;
  readonly #open: OpenStore;
  #graph: UsearchGraph | undefined;
  /** Rows of the index up to this mark are in the graph. */
  #mark = 0;
  #saved = 0;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(index: ExactIndex, from: number, options: GraphOptions) {
    this.index = index;
    this.embedDim = index.embedDim;
    this.metric = index.metric;
    this.#from = from;
    this.#options = options;
    this.#open = new OpenStore(`search.UsearchStore: ${index.folder}`);
  }

  add(rows: StoreRows): Promise<void> {
    return this.#inOrder(async () => {
      await this.index.add(rows);
      await this.#follow();
    });
  }

  delete(ids: readonly string[]): Promise<number> {
    return this.#inOrder(async () => {
      const deleted = await this.index.delete(ids);
      this.#graph?.delete(ids);
      return deleted;
    });
  }

  get(ids: readonly string[]): Promise<(StoredRow | undefined)[]> {
    return this.#open.call(() => this.index.get(ids));
  }

  async search(queries: MatrixData, options: SearchOptions = {}): Promise<Hit[][]> {
    return this.#open.call(async () => {
      const where = 'search.UsearchStore.search';
      const { k } = checkSearch(where, options);
      const values = checkQueries(where, queries, this.embedDim, this.metric);
      const graph = this.#graph;
      const rows = await this.index.count();
      const fitting = options.filter ? await this.index.count(options.filter) : rows;
      // few rows are compared sooner than a graph finds enough of them
      if (!graph || fitting < LEAST_SHARE * rows || fitting < 20 * k) return this.index.search(queries, options);
      const proposed = graph.search(values, Math.ceil(((2 * k + 16) * rows) / fitting));
      const found = await this.index.nearestAmong(queries, proposed, options);
      if (options.filter === undefined || options.minScore !== undefined) return found;
      // the rows that fit may all lie elsewhere
      return Promise.all(
        found.map(async (hits, i) => {
          if (hits.length >= Math.min(k, fitting)) return hits;
          const query = new Matrix(values.slice(i * this.embedDim, (i + 1) * this.embedDim), [1, this.embedDim]);
          return (await this.index.search(query, options))[0]!;
        }),
      );
    });
  }

  count(filter?: Filter): Promise<number> {
    return this.#open.call(() => this.index.count(filter));
  }

  /** The share of the exact best k that {@link search} finds. */
  async recall(queries: MatrixData, { k = 10 }: { readonly k?: number } = {}): Promise<number> {
    const [found, wanted] = [await this.search(queries, { k }), await this.index.search(queries, { k })];
    let right = 0;
    let all = 0;
    for (const [i, hits] of wanted.entries()) {
      const there = new Set(found[i]!.map(({ id }) => id));
      all += hits.length;
      right += hits.filter(({ id }) => there.has(id)).length;
    }
    return all === 0 ? 1 : right / all;
  }

  /** Sees what the writer of the index has committed since, in a reader. */
  refresh(): Promise<void> {
    return this.#inOrder(async () => {
      await this.index.refresh();
      await this.#follow();
    });
  }

  /** Writes the graph beside the index, so that it need not be built again; {@link close} does it too. */
  save(): Promise<void> {
    return this.#inOrder(async () => {
      if (!this.#graph || this.#saved === this.#mark || this.index.readonly) return;
      const { folder } = this.index;
      const name = `graph-${this.#mark}.usearch`;
      const written = join(folder, `.${name}.tmp`);
      this.#graph.save(written);
      const file = await open(written, 'r+');
      await file.sync().finally(() => file.close());
      renameSync(written, join(folder, name));
      await syncFolder(folder);
      for (const other of readdirSync(folder))
        if (FILE.test(other) && other !== name) rmSync(join(folder, other), { force: true });
      this.#saved = this.#mark;
    });
  }

  /** Loads the graph that is there, and adds what it lacks. */
  catchUp(): Promise<void> {
    return this.#inOrder(() => this.#follow());
  }

  async close(): Promise<void> {
    await this.save().catch(() => {}); // it is made again
    if (this.#open.close()) await this.index.close();
  }

  async #follow(): Promise<void> {
    if (!this.#graph) {
      if ((await this.index.count()) < this.#from) return;
      this.#graph = await this.#opened();
    }
    const { mark } = this.index.stats();
    for await (const { ids, vectors } of this.index.rows({ since: this.#mark }))
      await this.#graph.add(ids, vectors.data);
    this.#mark = mark;
  }

  async #opened(): Promise<UsearchGraph> {
    const make = () => UsearchGraph.create('search.approximate', this.embedDim, this.#options);
    const { folder } = this.index;
    const name = readdirSync(folder).find((file) => FILE.test(file));
    const mark = Number(name && FILE.exec(name)?.[1]);
    const graph = await make();
    if (!name || !(mark <= this.index.stats().mark)) return graph;
    try {
      graph.load(join(folder, name));
      this.#mark = mark;
      this.#saved = mark;
      return graph;
    } catch {
      return make(); // of another width or version, or damaged: it is made again
    }
  }

  #inOrder<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#open.call(() => {
      const done = this.#writing.then(work);
      this.#writing = done.catch(() => {});
      return done;
    });
  }
}
