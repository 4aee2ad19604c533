import { type MatrixData, StoreError } from '@diptych/core';
import { checkIds, checkQueries, checkRows, checkSearch } from './check-rows.js';
import { type Filter, parseFilter } from './filter.js';
import { type IndexCommit, type IndexHeader, type Metric, readLog } from './format/commit-log.js';
import { countRows, IndexSearch } from './index-search.js';
import { listRows, type RowBlock } from './list-rows.js';
import { parseMetadata } from './metadata.js';
import type { Precision } from './precision.js';
import type { ScanPool } from './scan/scan-pool.js';
import { Snapshot } from './snapshot.js';
import type { Hit, SearchOptions, StoredRow, StoreRows, VectorStore } from './vector-store.js';
import type { IndexWriter } from './writer.js';

/** What an index holds and takes. */
export interface IndexStats {
  readonly rows: number;
  /** Rows that were replaced or deleted and still take room, which {@link ExactIndex.compact} frees. */
  readonly deadRows: number;
  readonly segments: number;
  /** Of all segments on disk. */
  readonly bytes: number;
  /** Number of the last commit. */
  readonly commit: number;
  /** For {@link ExactIndex.rows}: what comes after now. */
  readonly mark: number;
  readonly precision: Precision;
  readonly rerank: Precision | null;
}

/** What {@link openIndex} puts together. */
interface IndexParts {
  readonly folder: string;
  readonly header: IndexHeader;
  readonly writer: IndexWriter | undefined;
  readonly pool: ScanPool;
}

/**
 * Vectors in a folder, searched exactly: every row is compared, by SIMD WebAssembly in threads, block by block. Rows lie in
 * segments, files that are written once; a line in a log makes commits of them. So a process that is killed at any moment leaves
 * every commit whose promise was fulfilled, and readers beside the writer see whole commits only. {@link openIndex} opens one.
 */
export class ExactIndex implements VectorStore {
  readonly folder: string;
  readonly embedDim: number;
  readonly metric: Metric;
  readonly #header: IndexHeader;
  readonly #pool: ScanPool;
  readonly #search: IndexSearch;
  readonly #writer: IndexWriter | undefined;
  #snapshot: Snapshot;
  #writing: Promise<unknown> = Promise.resolve();
  readonly #reading = new Set<Promise<unknown>>();
  #closed = false;

  /** Whether it was opened beside the writer. */
  get readonly(): boolean {
    return this.#writer === undefined;
  }

  /** @throws StoreError if the index is damaged */
  constructor({ folder, header, writer, pool }: IndexParts) {
    this.folder = folder;
    this.embedDim = header.embedDim;
    this.metric = header.metric;
    this.#header = header;
    this.#writer = writer;
    this.#pool = pool;
    this.#search = new IndexSearch(header, pool);
    this.#snapshot = openLatest(folder);
  }

  async add(rows: StoreRows): Promise<void> {
    const checked = checkRows('search.ExactIndex.add', rows, this.embedDim, this.metric);
    await this.#write('add', async (writer) => {
      this.#take(await writer.add(this.#snapshot, checked));
      await this.#mergeSmall(writer);
    });
  }

  async delete(ids: readonly string[]): Promise<number> {
    checkIds('search.ExactIndex.delete', ids);
    return this.#write('delete', async (writer) => {
      const { commit, deleted } = await writer.delete(this.#snapshot, ids);
      this.#take(commit);
      await this.#mergeSmall(writer);
      return deleted;
    });
  }

  async get(ids: readonly string[]): Promise<(StoredRow | undefined)[]> {
    checkIds('search.ExactIndex.get', ids);
    return this.#read('get', async (snapshot) =>
      ids.map((id) => {
        const place = snapshot.find(id);
        if (!place) return undefined;
        const vector = new Float32Array(this.embedDim);
        place.part.segment.readVector(place.row, vector);
        return { id, vector, metadata: parseMetadata(place.part.segment.record(place.row).metadata) };
      }),
    );
  }

  async search(queries: MatrixData, options: SearchOptions = {}): Promise<Hit[][]> {
    const where = 'search.ExactIndex.search';
    const { k, minScore } = checkSearch(where, options);
    const values = checkQueries(where, queries, this.embedDim, this.metric);
    const filter = options.filter && parseFilter(where, options.filter);
    return this.#read('search', (snapshot) => this.#search.nearest(snapshot, { queries: values, k, minScore, filter }));
  }

  /**
   * The best among rows that something else, such as a graph, proposes for each query: by their products in double precision.
   *
   * @param keys of ids, for each query; rows that are no longer there do not count
   */
  async nearestAmong(
    queries: MatrixData,
    keys: readonly BigUint64Array[],
    options: SearchOptions = {},
  ): Promise<Hit[][]> {
    const where = 'search.ExactIndex.nearestAmong';
    const { k, minScore } = checkSearch(where, options);
    const values = checkQueries(where, queries, this.embedDim, this.metric);
    const filter = options.filter && parseFilter(where, options.filter);
    return this.#read('nearestAmong', (snapshot) =>
      this.#search.nearestAmong(snapshot, { queries: values, k, minScore, filter }, keys),
    );
  }

  async count(filter?: Filter): Promise<number> {
    const node = filter && parseFilter('search.ExactIndex.count', filter);
    return this.#read('count', (snapshot) =>
      countRows(snapshot, node && ((segment) => this.#search.matching(segment, node))),
    );
  }

  /**
   * All rows in the order in which they were added, some at a time, as they were when it began.
   *
   * @param since a `mark` of {@link stats}: rows that were added since, and perhaps others that were written anew
   * @throws StoreError if a segment is damaged
   */
  async *rows({ since = 0 }: { readonly since?: number } = {}): AsyncGenerator<RowBlock> {
    const snapshot = this.#opened('rows');
    snapshot.retain();
    try {
      yield* listRows(snapshot, this.embedDim, since);
    } finally {
      snapshot.release();
    }
  }

  /**
   * The share of the best k of all rows, compared as exactly as they are stored, that {@link search} finds: 1 where rows are not held
   * in a smaller precision.
   *
   * @param queries [Q, embedDim], such as real ones: some hundreds say enough
   */
  async recall(queries: MatrixData, { k = 10 }: { readonly k?: number } = {}): Promise<number> {
    const where = 'search.ExactIndex.recall';
    checkSearch(where, { k });
    const values = checkQueries(where, queries, this.embedDim, this.metric);
    return this.#read('recall', (snapshot) => this.#search.recall(snapshot, values, k));
  }

  /** Sees what a writer has committed since. Returns whether there was something. */
  async refresh(): Promise<boolean> {
    this.#opened('refresh');
    if (this.#writer) return false;
    const latest = openLatest(this.folder, this.#snapshot);
    const changed = latest.commit.commit !== this.#snapshot.commit.commit;
    this.#replace(latest);
    return changed;
  }

  /** Writes all rows that are left anew, which frees the room of replaced and deleted ones. Takes as much room again meanwhile. */
  async compact(): Promise<void> {
    await this.#write('compact', async (writer) => {
      this.#take(await writer.compact(this.#snapshot));
      writer.removeOld(this.#snapshot.commit);
    });
  }

  /**
   * Reads all files and compares their checksums. A search compares those of vectors only, and of those that it reads.
   *
   * @throws StoreError that names the first damaged file
   */
  async verify(): Promise<void> {
    await this.#read('verify', async ({ parts }) => {
      for (const { segment } of parts) segment.verify();
    });
  }

  /** Rows, room and precision, as the last commit that was read has them. */
  stats(): IndexStats {
    const { commit, parts, rows } = this.#opened('stats');
    return {
      rows,
      deadRows: parts.reduce((sum, { segment, liveRows }) => sum + segment.rows - liveRows, 0),
      segments: parts.length,
      bytes: commit.segments.reduce((sum, [, , bytes]) => sum + bytes, 0),
      commit: commit.commit,
      mark: commit.next,
      precision: this.#header.precision,
      rerank: this.#header.rerank,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled([this.#writing, ...this.#reading]);
    await this.#pool.close();
    this.#snapshot.release();
    this.#writer?.close();
  }

  /** Work on the index as it is now; it stays open to the end. */
  async #read<Result>(method: string, work: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
    const snapshot = this.#opened(method).retain();
    const reading = work(snapshot).finally(() => {
      snapshot.release();
      this.#reading.delete(reading);
    });
    this.#reading.add(reading);
    return reading;
  }

  /** One after the other. */
  #write<Result>(method: string, work: (writer: IndexWriter) => Promise<Result>): Promise<Result> {
    this.#opened(method);
    const writer = this.#writer;
    if (!writer) {
      throw new StoreError({
        where: `search.ExactIndex.${method}: ${this.folder}`,
        expected: 'the writer of the index',
        got: 'one that was opened with { readonly: true }',
      });
    }
    const done = this.#writing.then(() => work(writer));
    this.#writing = done.catch(() => {});
    return done;
  }

  async #mergeSmall(writer: IndexWriter): Promise<void> {
    try {
      const commit = await writer.mergeSmall(this.#snapshot);
      if (commit === this.#snapshot.commit) return;
      this.#take(commit);
      writer.removeOld(commit);
    } catch {
      // the rows are there; the next call tries it again
    }
  }

  #take(commit: IndexCommit): void {
    if (commit === this.#snapshot.commit) return;
    this.#replace(Snapshot.open(this.folder, commit, this.#snapshot));
  }

  #replace(snapshot: Snapshot): void {
    this.#snapshot.release();
    this.#snapshot = snapshot;
    this.#pool.keepOnly(snapshot.parts.map(({ segment }) => segment.scanned(this.#header.precision).id));
  }

  #opened(method: string): Snapshot {
    if (!this.#closed) return this.#snapshot;
    throw new StoreError({ where: `search.ExactIndex.${method}: ${this.folder}`, problem: 'the index was closed' });
  }
}

/** The last commit. A writer may remove a merged segment between log and file: then the log says something else by now. */
function openLatest(folder: string, before?: Snapshot): Snapshot {
  for (let attempt = 0; ; attempt++) {
    const { commit } = readLog(folder);
    try {
      return Snapshot.open(folder, commit, before);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      const changed = readLog(folder).commit.commit !== commit.commit;
      if (changed && attempt < 100) continue;
      throw new StoreError(
        {
          where: `search: index ${folder}`,
          problem: `a segment is missing: ${(error as Error).message}`,
          remedy: 'restore the index from a copy, or delete the last line of commits.log to go back by one commit',
        },
        { cause: error },
      );
    }
  }
}
