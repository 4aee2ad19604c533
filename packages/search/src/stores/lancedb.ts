import { ConfigError, checkOptions, checkPositive, type MatrixData, type OptionNames } from '@diptych/core';
import { checkIds, checkQueries, checkRows, checkSearch } from '../check-rows.js';
import { type Filter, parseFilter } from '../filter.js';
import type { Metric } from '../format/commit-log.js';
import { type Metadata, parseMetadata } from '../metadata.js';
import type { Hit, SearchOptions, StoredRow, StoreRows, VectorStore } from '../vector-store.js';
import { columnsOf, EMPTY_COLUMN, literalOf, sqlOf, typeOfColumn } from './lancedb-columns.js';
import { loadPeer } from './load-peer.js';
import { inStore, OpenStore } from './open-store.js';
import { STORE, type StoreOptions } from './store-options.js';

/** What is used of a table of LanceDB. */
export interface LanceTable {
  schema(): Promise<{
    readonly fields: readonly { readonly name: string; readonly type: { readonly listSize?: number } }[];
  }>;
  addColumns(columns: { name: string; valueSql: string }[]): Promise<unknown>;
  mergeInsert(on: string): {
    whenMatchedUpdateAll(): {
      whenNotMatchedInsertAll(): { execute(rows: Record<string, unknown>[]): Promise<unknown> };
    };
  };
  delete(condition: string): Promise<unknown>;
  countRows(condition?: string): Promise<number>;
  query(): LanceQuery;
  close(): void;
}

/** What is used of a query of LanceDB. */
export interface LanceQuery {
  where(condition: string): LanceQuery;
  select(columns: string[]): LanceQuery;
  limit(rows: number): LanceQuery;
  nearestTo(vector: Float32Array): LanceQuery;
  distanceType(type: 'dot'): LanceQuery;
  toArray(): Promise<{ id: string; metadata: string; vector?: Iterable<number>; _distance?: number }[]>;
}

/** What is used of a connection of LanceDB, as `lancedb.connect(uri)` gives it. */
export interface LanceConnection {
  tableNames(): Promise<string[]>;
  openTable(name: string): Promise<LanceTable>;
  createTable(name: string, rows: Record<string, unknown>[]): Promise<LanceTable>;
  close(): void;
}

/** Options of {@link openLanceDb}. */
export interface LanceDbOptions extends StoreOptions {
  /** Table of the rows, made if it is not there. Letters, digits, _ and -. */
  readonly table: string;
  /** A folder, or object storage: `s3://bucket/path`, `gs://…`, `az://…`. Opened by the package @lancedb/lancedb, which has to be installed. */
  readonly uri?: string;
  /** For object storage: keys, region, endpoint, as LanceDB names them. */
  readonly storageOptions?: Readonly<Record<string, string>>;
  /** In place of a URI: your own connection, which {@link LanceDbStore.close} leaves open. */
  readonly connection?: LanceConnection;
}

const OPTIONS: OptionNames<LanceDbOptions> = {
  ...STORE,
  table: 'required',
  uri: 'optional',
  storageOptions: 'optional',
  connection: 'optional',
};
const WHERE = 'search.openLanceDb';
/** Ids of one condition. */
const IDS_AT_A_TIME = 1000;

/**
 * A store in LanceDB, embedded in this process: columns id, vector, metadata (JSON), and one for each column of metadata and its type, by
 * which filters go.
 *
 * @throws ConfigError for a table of another width, or where the package is not installed
 * @throws StoreError for what LanceDB refuses
 */
export async function openLanceDb(options: LanceDbOptions): Promise<LanceDbStore> {
  checkOptions(WHERE, options, OPTIONS);
  const { embedDim, metric = 'cosine', table: name, uri, storageOptions, connection } = options;
  checkPositive(WHERE, 'embedDim', embedDim);
  if (typeof name !== 'string' || !/^[\w-]{1,200}$/.test(name)) {
    throw new ConfigError({ where: WHERE, expected: 'a table named by letters, digits, _ and -', got: String(name) });
  }
  if ((uri === undefined) === (connection === undefined)) {
    throw new ConfigError({ where: WHERE, expected: 'either uri or connection', got: uri ? 'both' : 'neither' });
  }
  const place = `search.LanceDbStore: ${name}`;
  const connected = connection ?? (await connect(place, uri!, storageOptions));
  const close = () => {
    if (!connection) connected.close();
  };
  try {
    const table = await inStore(place, () => openTable(connected, name, embedDim));
    const columns = new Set((await table.schema()).fields.map((field) => field.name));
    return new LanceDbStore({ table, columns, embedDim, metric, place, close });
  } catch (error) {
    close();
    throw error;
  }
}

async function connect(
  place: string,
  uri: string,
  storageOptions: LanceDbOptions['storageOptions'],
): Promise<LanceConnection> {
  type Module = {
    connect(uri: string, options: { storageOptions?: Readonly<Record<string, string>> }): Promise<LanceConnection>;
  };
  const lancedb = await loadPeer<Module>(WHERE, '@lancedb/lancedb', '>=0.22');
  return inStore(place, () => lancedb.connect(uri, { ...(storageOptions && { storageOptions }) }));
}

async function openTable(connection: LanceConnection, name: string, embedDim: number): Promise<LanceTable> {
  if (!(await connection.tableNames()).includes(name)) {
    // types are those of a first row, whose id no other row may have
    await connection.createTable(name, [{ id: '', vector: new Float32Array(embedDim).fill(1), metadata: '{}' }]);
  }
  const table = await connection.openTable(name);
  const width = (await table.schema()).fields.find((field) => field.name === 'vector')?.type.listSize;
  if (width !== embedDim) {
    const got = width === undefined ? 'a table without vectors' : String(width);
    const remedy = 'name another table, or pass the width that it has';
    throw new ConfigError({ where: `${WHERE}: table ${name}`, expected: `vectors of ${embedDim}`, got, remedy });
  }
  await table.delete("id = ''");
  return table;
}

/** Made by {@link openLanceDb}. Every row is compared, unless you make an index of the table. */
export class LanceDbStore implements VectorStore {
  readonly embedDim: number;
  readonly metric: Metric;
  readonly #table: LanceTable;
  readonly #columns: Set<string>;
  readonly #close: () => void;
  readonly #open: OpenStore;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: {
    readonly table: LanceTable;
    readonly columns: Set<string>;
    readonly embedDim: number;
    readonly metric: Metric;
    readonly place: string;
    readonly close: () => void;
  }) {
    this.embedDim = parts.embedDim;
    this.metric = parts.metric;
    this.#table = parts.table;
    this.#columns = parts.columns;
    this.#close = parts.close;
    this.#open = new OpenStore(parts.place);
  }

  async add(rows: StoreRows): Promise<void> {
    const { ids, metadata, vector } = checkRows('search.LanceDbStore.add', rows, this.embedDim, this.metric);
    const columns = metadata.map((json) => columnsOf(parseMetadata(json)));
    const added = ids.map((id, row) => ({ id, vector: vector(row).slice(), metadata: metadata[row] || '{}' }));
    await this.#inOrder(async () => {
      if (ids.length === 0) return;
      const used = new Set(columns.flatMap((own) => [...own.keys()]));
      const missing = [...used].filter((name) => !this.#columns.has(name));
      if (missing.length > 0) {
        await this.#table.addColumns(missing.map((name) => ({ name, valueSql: EMPTY_COLUMN[typeOfColumn(name)] })));
        for (const name of missing) this.#columns.add(name);
      }
      const names = [...this.#columns].filter((name) => /^[snbl]_/.test(name));
      const whole = added.map((row, i) => ({
        ...row,
        ...Object.fromEntries(names.map((name) => [name, columns[i]!.get(name) ?? null])),
      }));
      await this.#table.mergeInsert('id').whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(whole);
    });
  }

  async delete(ids: readonly string[]): Promise<number> {
    checkIds('search.LanceDbStore.delete', ids);
    return this.#inOrder(async () => {
      let deleted = 0;
      for (const condition of conditionsFor(ids)) {
        const there = await this.#table.countRows(condition);
        if (there > 0) await this.#table.delete(condition);
        deleted += there;
      }
      return deleted;
    });
  }

  async get(ids: readonly string[]): Promise<(StoredRow | undefined)[]> {
    checkIds('search.LanceDbStore.get', ids);
    return this.#inOrder(async () => {
      const found = new Map<string, StoredRow>();
      for (const condition of conditionsFor(ids)) {
        const rows = await this.#table
          .query()
          .where(condition)
          .select(['id', 'vector', 'metadata'])
          .limit(IDS_AT_A_TIME)
          .toArray();
        for (const { id, vector, metadata } of rows) {
          found.set(id, { id, vector: Float32Array.from(vector!), metadata: JSON.parse(metadata) as Metadata });
        }
      }
      return ids.map((id) => found.get(id));
    });
  }

  async search(queries: MatrixData, options: SearchOptions = {}): Promise<Hit[][]> {
    const where = 'search.LanceDbStore.search';
    const { k, minScore } = checkSearch(where, options);
    const values = checkQueries(where, queries, this.embedDim, this.metric);
    const filter = options.filter && parseFilter(where, options.filter);
    return this.#inOrder(async () => {
      const condition = filter && sqlOf(filter, this.#columns);
      const searches = Array.from({ length: queries.shape[0] }, (_, i) => {
        const query = values.slice(i * this.embedDim, (i + 1) * this.embedDim);
        // with metric cosine all vectors have length 1, so that the product is the cosine
        const nearest = this.#table
          .query()
          .nearestTo(query)
          .distanceType('dot')
          .select(['id', 'metadata', '_distance'])
          .limit(k);
        return (condition ? nearest.where(condition) : nearest).toArray();
      });
      return (await Promise.all(searches)).map((rows) =>
        rows.flatMap(({ id, metadata, _distance }) => {
          const score = 1 - _distance!;
          return score > minScore ? [{ id, score, metadata: JSON.parse(metadata) as Metadata }] : [];
        }),
      );
    });
  }

  async count(filter?: Filter): Promise<number> {
    const node = filter && parseFilter('search.LanceDbStore.count', filter);
    return this.#inOrder(() => this.#table.countRows(node && sqlOf(node, this.#columns)));
  }

  async close(): Promise<void> {
    if (!this.#open.close()) return;
    await this.#last;
    this.#table.close();
    this.#close();
  }

  /** One after the other: two commits of a table at once can refuse each other. */
  #inOrder<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#open.call(() => {
      const result = this.#last.then(work);
      this.#last = result.catch(() => {});
      return result;
    });
  }
}

function conditionsFor(ids: readonly string[]): string[] {
  const unique = [...new Set(ids)];
  return Array.from({ length: Math.ceil(unique.length / IDS_AT_A_TIME) }, (_, i) => {
    const part = unique.slice(i * IDS_AT_A_TIME, (i + 1) * IDS_AT_A_TIME);
    return `id IN (${part.map(literalOf).join(', ')})`;
  });
}
