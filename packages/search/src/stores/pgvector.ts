import { ConfigError, checkOptions, checkPositive, type MatrixData, type OptionNames } from '@diptych/core';
import { checkIds, checkQueries, checkRows, checkSearch } from '../check-rows.js';
import { type Filter, parseFilter } from '../filter.js';
import type { Metric } from '../format/commit-log.js';
import type { Metadata } from '../metadata.js';
import type { Hit, SearchOptions, StoredRow, StoreRows, VectorStore } from '../vector-store.js';
import { loadPeer } from './load-peer.js';
import { inStore, OpenStore } from './open-store.js';
import { vectorArray } from './pgvector-binary.js';
import { SqlParameters, sqlOf } from './pgvector-filter.js';
import { STORE, type StoreOptions } from './store-options.js';

/** What runs SQL: a `Client` or `Pool` of the package pg, a `PGlite`, or anything of that form. */
export interface SqlClient {
  query(text: string, parameters?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** Options of {@link openPgVector}. */
export interface PgVectorOptions extends StoreOptions {
  /** Table of the rows, made if it is not there: letters, digits and _, default `diptych_vectors`. */
  readonly table?: string;
  /** `postgres://…`: connects by the package pg, which has to be installed. */
  readonly url?: string;
  /** In place of a URL: your own connection, which {@link PgVectorStore.close} leaves open. */
  readonly client?: SqlClient;
  /** An approximate index, made with the table or later: worth its while from some 200,000 rows on. Default none, which is exact. */
  readonly index?: 'hnsw';
}

const OPTIONS: OptionNames<PgVectorOptions> = {
  ...STORE,
  table: 'optional',
  url: 'optional',
  client: 'optional',
  index: 'optional',
};
const WHERE = 'search.openPgVector';
/** Rows that go to the server in one statement. */
const ROWS_AT_A_TIME = 1000;

/**
 * A store in PostgreSQL with the extension pgvector (0.8 or later): a table of id, vector and metadata (jsonb).
 *
 * @throws ConfigError for a table of another width, or without the package pg where a URL is given
 * @throws StoreError if the server does not answer or has no pgvector
 */
export async function openPgVector(options: PgVectorOptions): Promise<PgVectorStore> {
  checkOptions(WHERE, options, OPTIONS);
  const { embedDim, metric = 'cosine', table = 'diptych_vectors', url, client, index } = options;
  checkPositive(WHERE, 'embedDim', embedDim);
  if (!/^[a-z_][a-z0-9_]{0,50}$/i.test(table)) {
    throw new ConfigError({ where: WHERE, expected: 'a table named by letters, digits and _', got: table });
  }
  if ((url === undefined) === (client === undefined)) {
    throw new ConfigError({ where: WHERE, expected: 'either url or client', got: url ? 'both' : 'neither' });
  }
  if (index === 'hnsw' && embedDim > 2000) {
    const remedy = 'leave index out, or make embeddings narrower (Matryoshka of @diptych/train)';
    throw new ConfigError({ where: WHERE, expected: 'at most 2,000 numbers with hnsw', got: String(embedDim), remedy });
  }
  const connected = client ? { client, end: async () => {} } : await connect(url!);
  let vectorOid: number | undefined;
  try {
    await inStore(`search.PgVectorStore: ${table}`, async () => {
      await prepare(connected.client, { table, embedDim, index });
      vectorOid = await vectorOidFor(connected.client);
    });
  } catch (error) {
    await connected.end();
    throw error;
  }
  return new PgVectorStore({ ...connected, table, embedDim, metric, approximate: index !== undefined, vectorOid });
}

async function connect(url: string): Promise<{ client: SqlClient; end: () => Promise<void> }> {
  type Pool = SqlClient & { end(): Promise<void>; on(event: 'error', listener: () => void): void };
  type Module = { default: { Pool: new (options: { connectionString: string }) => Pool } };
  const { default: pg } = await loadPeer<Module>(WHERE, 'pg', '^8.11');
  const pool = new pg.Pool({ connectionString: url });
  pool.on('error', () => {}); // a connection that broke while nobody used it; the next query opens another
  return { client: pool, end: () => pool.end() };
}

async function prepare(
  client: SqlClient,
  { table, embedDim, index }: { table: string; embedDim: number; index?: 'hnsw' },
): Promise<void> {
  await client.query('CREATE EXTENSION IF NOT EXISTS vector');
  await client.query(
    `CREATE TABLE IF NOT EXISTS "${table}" (id text COLLATE "C" PRIMARY KEY, vector vector(${embedDim}) NOT NULL, metadata jsonb NOT NULL)`,
  );
  const { rows } = await client.query(
    `SELECT atttypmod AS width FROM pg_attribute WHERE attrelid = '"${table}"'::regclass AND attname = 'vector'`,
  );
  const width = (rows[0] as { width: number } | undefined)?.width;
  if (width !== embedDim) {
    const got = width === undefined ? 'a table without vectors' : String(width);
    const remedy = 'name another table, or pass the width that it has';
    throw new ConfigError({ where: `${WHERE}: table ${table}`, expected: `vectors of ${embedDim}`, got, remedy });
  }
  await client.query(
    `CREATE INDEX IF NOT EXISTS "${table}_metadata" ON "${table}" USING gin (metadata jsonb_path_ops)`,
  );
  if (index === undefined) return;
  await client.query(`CREATE INDEX IF NOT EXISTS "${table}_hnsw" ON "${table}" USING hnsw (vector vector_ip_ops)`);
}

/** Undefined for clients that do not send a Buffer as it is: the package pg does, in its `Pool` and its `Client`. */
async function vectorOidFor(client: SqlClient): Promise<number | undefined> {
  if (!('totalCount' in client) && !('connectionParameters' in client)) return undefined;
  const { rows } = await client.query("SELECT 'vector'::regtype::oid::int AS oid");
  return (rows[0] as { oid: number }).oid;
}

/** Made by {@link openPgVector}. */
export class PgVectorStore implements VectorStore {
  readonly embedDim: number;
  readonly metric: Metric;
  readonly #client: SqlClient;
  readonly #end: () => Promise<void>;
  readonly #table: string;
  readonly #approximate: boolean;
  /** Of the type vector, where the client sends bytes as they are. */
  readonly #vectorOid: number | undefined;
  readonly #open: OpenStore;
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: {
    readonly client: SqlClient;
    readonly end: () => Promise<void>;
    readonly table: string;
    readonly embedDim: number;
    readonly metric: Metric;
    readonly approximate: boolean;
    readonly vectorOid: number | undefined;
  }) {
    this.embedDim = parts.embedDim;
    this.metric = parts.metric;
    this.#client = parts.client;
    this.#end = parts.end;
    this.#table = `"${parts.table}"`;
    this.#approximate = parts.approximate;
    this.#vectorOid = parts.vectorOid;
    this.#open = new OpenStore(`search.PgVectorStore: ${parts.table}`);
  }

  async add(rows: StoreRows): Promise<void> {
    const { ids, metadata, vector } = checkRows('search.PgVectorStore.add', rows, this.embedDim, this.metric);
    await this.#transaction(async (client) => {
      for (let first = 0; first < ids.length; first += ROWS_AT_A_TIME) {
        const part = <Item>(list: readonly Item[]) => list.slice(first, first + ROWS_AT_A_TIME);
        const vectors = part(ids).map((_, row) => vector(first + row).slice()); // it is lent
        const sent = this.#vectorOid
          ? { type: 'vector', vectors: vectorArray(vectors, this.embedDim, this.#vectorOid) }
          : { type: 'text', vectors: vectors.map((one) => `[${one.join()}]`) };
        await client.query(
          `INSERT INTO ${this.#table} (id, vector, metadata)
           SELECT id, vector::vector, metadata::jsonb
           FROM unnest($1::text[], $2::${sent.type}[], $3::text[]) AS rows (id, vector, metadata)
           ON CONFLICT (id) DO UPDATE SET vector = excluded.vector, metadata = excluded.metadata`,
          [part(ids), sent.vectors, part(metadata).map((json) => json || '{}')],
        );
      }
    });
  }

  async delete(ids: readonly string[]): Promise<number> {
    checkIds('search.PgVectorStore.delete', ids);
    const rows = await this.#query(`DELETE FROM ${this.#table} WHERE id = ANY($1::text[]) RETURNING id`, [[...ids]]);
    return rows.length;
  }

  async get(ids: readonly string[]): Promise<(StoredRow | undefined)[]> {
    checkIds('search.PgVectorStore.get', ids);
    const rows = await this.#query<{ id: string; vector: string; metadata: Metadata }>(
      `SELECT id, vector::text AS vector, metadata FROM ${this.#table} WHERE id = ANY($1::text[])`,
      [[...ids]],
    );
    const found = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => {
      const row = found.get(id);
      return row && { id, vector: Float32Array.from(JSON.parse(row.vector) as number[]), metadata: row.metadata };
    });
  }

  async search(queries: MatrixData, options: SearchOptions = {}): Promise<Hit[][]> {
    const where = 'search.PgVectorStore.search';
    const { k, minScore } = checkSearch(where, options);
    const values = checkQueries(where, queries, this.embedDim, this.metric);
    const parameters = new SqlParameters();
    const texts = Array.from({ length: queries.shape[0] }, (_, i) => {
      return `[${values.subarray(i * this.embedDim, (i + 1) * this.embedDim).join()}]`;
    });
    const wanted = parameters.add(texts);
    const filter = options.filter ? sqlOf(parseFilter(where, options.filter), parameters) : 'true';
    // with metric cosine all vectors have length 1, so that the product is the cosine
    const text = `SELECT query.number::int AS number, found.id, found.score, found.metadata
      FROM unnest(${wanted}::text[]::vector[]) WITH ORDINALITY AS query (vector, number)
      CROSS JOIN LATERAL (
        SELECT id, metadata, -(vector <#> query.vector) AS score FROM ${this.#table}
        WHERE ${filter} ORDER BY vector <#> query.vector LIMIT ${k}) AS found
      ORDER BY query.number, found.score DESC`;
    type Row = { number: number; id: string; score: number; metadata: Metadata };
    const rows = this.#approximate
      ? await this.#transaction(async (client) => {
          await client.query(`SET LOCAL hnsw.ef_search = ${Math.max(40, Math.min(1000, 2 * k))}`);
          // goes on until k rows fit the filter
          await client.query('SET LOCAL hnsw.iterative_scan = strict_order');
          return (await client.query(text, parameters.values)).rows as Row[];
        })
      : await this.#query<Row>(text, parameters.values);
    const hits = texts.map((): Hit[] => []);
    for (const { number, id, score, metadata } of rows)
      if (score > minScore) hits[number - 1]!.push({ id, score, metadata });
    return hits;
  }

  async count(filter?: Filter): Promise<number> {
    const parameters = new SqlParameters();
    const condition = filter ? sqlOf(parseFilter('search.PgVectorStore.count', filter), parameters) : 'true';
    const text = `SELECT count(*)::int AS count FROM ${this.#table} WHERE ${condition}`;
    const [row] = await this.#query<{ count: number }>(text, parameters.values);
    return row!.count;
  }

  async close(): Promise<void> {
    if (!this.#open.close()) return;
    await this.#last;
    await this.#end();
  }

  async #query<Row>(text: string, parameters: readonly unknown[]): Promise<Row[]> {
    return this.#inOrder(async () => (await this.#client.query(text, [...parameters])).rows as Row[]);
  }

  #transaction<Result>(work: (client: SqlClient) => Promise<Result>): Promise<Result> {
    return this.#inOrder(() => transaction(this.#client, work));
  }

  /** One after the other: a single connection has one transaction. */
  #inOrder<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#open.call(() => {
      const result = this.#last.then(work);
      this.#last = result.catch(() => {});
      return result;
    });
  }
}

type Transacting = SqlClient & { transaction<Result>(work: (client: SqlClient) => Promise<Result>): Promise<Result> };
type Pooled = SqlClient & { connect(): Promise<SqlClient & { release(broken?: boolean): void }> };

/** All of it, or nothing: by PGlite's own means, on one connection of a pool, or on the only one. */
async function transaction<Result>(client: SqlClient, work: (client: SqlClient) => Promise<Result>): Promise<Result> {
  if ('transaction' in client) return (client as Transacting).transaction(work);
  if (!('totalCount' in client)) return between(client, work);
  const connection = await (client as unknown as Pooled).connect(); // a Pool of pg: totalCount tells it from its Client
  let done = false;
  try {
    const result = await between(connection, work);
    done = true;
    return result;
  } finally {
    connection.release(!done);
  }
}

async function between<Result>(client: SqlClient, work: (client: SqlClient) => Promise<Result>): Promise<Result> {
  await client.query('BEGIN');
  try {
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {}); // the connection may be what broke
    throw error;
  }
}
