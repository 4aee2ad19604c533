import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Matrix } from '@diptych/core';
import { openIndex } from '@diptych/search';
import { type LanceConnection, openLanceDb } from '@diptych/search/lancedb';
import { openPgVector, type SqlClient } from '@diptych/search/pgvector';
import { openQdrant } from '@diptych/search/qdrant';
import { approximate } from '@diptych/search/usearch';
import { testVectorStore } from '@diptych/testing';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startQdrant } from '../packages/search/test/qdrant-server.js';
import { numberedIds, randomMatrix } from '../packages/search/test/random-rows.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-stores-'));
let made = 0;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const precision of ['float32', 'float16', 'int8'] as const) {
  testVectorStore({ describe, it }, `ExactIndex in ${precision}`, {
    create: (embedDim) => openIndex(join(folder, String(made++)), { embedDim, precision, threads: 1 }),
    recall: precision === 'float32' ? 1 : 0.99,
  });
}

describe('PostgreSQL', () => {
  let client: PGlite;
  beforeAll(async () => {
    client = await PGlite.create({ extensions: { vector } });
  });
  afterAll(() => client.close());

  testVectorStore({ describe, it }, 'PgVectorStore', {
    create: (embedDim) => openPgVector({ client, table: `store_${made++}`, embedDim }),
  });
  testVectorStore({ describe, it }, 'PgVectorStore with hnsw', {
    create: (embedDim) => openPgVector({ client, table: `store_${made++}`, embedDim, index: 'hnsw' }),
    recall: 0.95,
  });

  it('keeps rows over connections, and refuses a table of another width', async () => {
    const first = await openPgVector({ client, table: 'kept', embedDim: 3 });
    await first.add({ ids: ['a'], vectors: new Matrix(Float32Array.of(1, 2, 3), [1, 3]), metadata: [{ year: 2024 }] });
    await first.close();
    const again = await openPgVector({ client, table: 'kept', embedDim: 3 });
    expect(await again.get(['a'])).toMatchObject([{ id: 'a', metadata: { year: 2024 } }]);
    await again.close();
    await expect(openPgVector({ client, table: 'kept', embedDim: 4 })).rejects.toThrow(
      /table kept: expected vectors of 4, got 3/,
    );
  });

  it('does all of an add or nothing', async () => {
    const store = await openPgVector({ client, table: 'whole', embedDim: 2 });
    const failing = { ...client, transaction: undefined, query: client.query.bind(client) };
    let calls = 0;
    const broken = await openPgVector({
      client: {
        query: (text, parameters) => {
          if (text.startsWith('INSERT') && ++calls === 2) throw new Error('the connection broke');
          return failing.query(text, parameters);
        },
      },
      table: 'whole',
      embedDim: 2,
    });
    const ids = Array.from({ length: 1200 }, (_, i) => String(i));
    const vectors = new Matrix(new Float32Array(2400).fill(1), [1200, 2]);
    await expect(broken.add({ ids, vectors })).rejects.toThrow(/PgVectorStore: whole: the connection broke/);
    expect(await store.count()).toBe(0);
    await store.add({ ids, vectors });
    expect(await store.count()).toBe(1200);
  });

  it.each([
    [{ embedDim: 3 }, /either url or client, got neither/],
    [{ embedDim: 3, client: {}, url: 'postgres://x' }, /got both/],
    [{ embedDim: 3, client: {}, table: 'a"; DROP TABLE b' }, /letters, digits and _/],
    [{ embedDim: 3000, client: {}, index: 'hnsw' }, /at most 2,000 numbers/],
    [{ embedDim: 3, url: 'postgres://127.0.0.1:1/none' }, /npm install pg@|ECONNREFUSED/],
    [{ dim: 3 }, /embedDim/],
  ])('refuses %o', async (options, message) => {
    await expect(openPgVector(options as never)).rejects.toThrow(message);
  });
});

// npm run check:stores with DIPTYCH_POSTGRES_URL: a server with pgvector, by the package pg
const postgresUrl = process.env.DIPTYCH_POSTGRES_URL;
describe.skipIf(!postgresUrl)('a PostgreSQL server', () => {
  type Pool = SqlClient & { end(): Promise<void>; connect(): Promise<SqlClient & { release(): void }> };
  let client: Pool;
  const tables: string[] = [];
  const table = () => {
    tables.push(`store_${process.pid}_${made++}`);
    return tables.at(-1)!;
  };
  beforeAll(() => {
    const pg = createRequire(join(process.env.DIPTYCH_STORES!, 'package.json'))('pg');
    client = new pg.Pool({ connectionString: postgresUrl });
  });
  afterAll(async () => {
    for (const name of tables) await client.query(`DROP TABLE IF EXISTS "${name}"`);
    await client.end();
  });

  testVectorStore({ describe, it }, 'PgVectorStore by a pool', {
    create: (embedDim) => openPgVector({ client, table: table(), embedDim }),
  });
  testVectorStore({ describe, it }, 'PgVectorStore by a pool, with hnsw', {
    create: (embedDim) => openPgVector({ client, table: table(), embedDim, index: 'hnsw' }),
    recall: 0.95,
  });
  it('takes vectors as bytes and as text, and gives the same back', async () => {
    const name = table();
    const bytes = await openPgVector({ client, table: name, embedDim: 16, metric: 'dot' });
    const text = await openPgVector({
      client: { query: (sql, parameters) => client.query(sql, parameters) },
      table: name,
      embedDim: 16,
      metric: 'dot',
    });
    const vectors = randomMatrix(3000, 16, 5);
    await bytes.add({
      ids: numberedIds(1500),
      vectors: { data: vectors.data.subarray(0, 1500 * 16), shape: [1500, 16] },
    });
    await text.add({
      ids: numberedIds(1500, 1500),
      vectors: { data: vectors.data.subarray(1500 * 16), shape: [1500, 16] },
    });
    const rows = await text.get(numberedIds(3000));
    for (const [i, row] of rows.entries()) expect(row!.vector).toEqual(vectors.row(i));
  });
});

describe('usearch', () => {
  testVectorStore({ describe, it }, 'UsearchStore', {
    create: async (embedDim) =>
      approximate(await openIndex(join(folder, String(made++)), { embedDim, threads: 1 }), { from: 1 }),
    recall: 0.95,
  });

  it('keeps its graph, adds what came meanwhile, and makes one anew where it is lost', async () => {
    const path = join(folder, 'graph');
    const open = async () => approximate(await openIndex(path, { embedDim: 16, threads: 1 }), { from: 100 });
    const graphs = () => readdirSync(path).filter((name) => name.endsWith('.usearch'));
    const queries = randomMatrix(50, 16, 7);
    let store = await open();
    await store.add({ ids: numberedIds(99), vectors: randomMatrix(99, 16) });
    await store.save();
    expect(graphs()).toEqual([]);
    await store.add({ ids: numberedIds(400, 99), vectors: randomMatrix(400, 16, 2) });
    await store.close();
    expect(graphs().length).toBe(1);

    const index = await openIndex(path, { threads: 1 });
    await index.add({ ids: numberedIds(50, 450), vectors: randomMatrix(50, 16, 3) }); // 49 of them others' ids
    await index.delete(numberedIds(20));
    await index.close();
    store = await open();
    expect(await store.recall(queries)).toBeGreaterThan(0.97);
    await store.add({ ids: numberedIds(10), vectors: randomMatrix(10, 16, 4) });
    expect(await store.recall(queries)).toBeGreaterThan(0.97);
    await store.close();

    writeFileSync(join(path, graphs()[0]!), 'rubbish');
    store = await open();
    expect(await store.recall(queries)).toBeGreaterThan(0.97);
    const few = await store.search(queries, { k: 5, filter: { none: 'such' } });
    expect(few.every((hits) => hits.length === 0)).toBe(true);
    await store.close();
  });

  it.each([
    [{ from: 0 }, /from/],
    [{ quantization: 'b1' }, /f32, f16 or i8/],
    [{ ef: 10 }, /the options from/],
  ])('refuses %o', async (options, message) => {
    const index = await openIndex(join(folder, String(made++)), { embedDim: 4, threads: 1 });
    await expect(approximate(index, options as never)).rejects.toThrow(message);
    await index.close();
  });
});

describe('Qdrant', () => {
  let url: string;
  let stop = async () => {};
  beforeAll(async () => {
    // a real one, or reference/qdrant_server.py
    if (process.env.DIPTYCH_QDRANT_URL) url = process.env.DIPTYCH_QDRANT_URL;
    else ({ url, stop } = await startQdrant());
  });
  afterAll(() => stop());

  testVectorStore({ describe, it }, 'QdrantStore', {
    create: (embedDim) => openQdrant({ url, collection: `store-${made++}-${process.pid}`, embedDim }),
  });

  it('refuses a collection of another width, and text that is no date', async () => {
    const collection = `width-${process.pid}`;
    const store = await openQdrant({ url, collection, embedDim: 3 });
    await expect(openQdrant({ url, collection, embedDim: 4 })).rejects.toThrow(
      /of 4, compared by Cosine, got 3 and Cosine/,
    );
    await expect(store.count({ name: { gt: 'b' } })).rejects.toThrow(/a number, or a date/);
  });

  it('says when nobody answers, or the key is wrong', async () => {
    await expect(openQdrant({ url: 'http://127.0.0.1:9', collection: 'a', embedDim: 3 })).rejects.toThrow(
      /Qdrant at http:\/\/127\.0\.0\.1:9.*does not answer: /,
    );
    const locked = await startQdrant({ apiKey: 'secret' });
    await expect(openQdrant({ url: locked.url, collection: 'a', embedDim: 3 })).rejects.toThrow(
      /answers 401: Must provide an API key; pass an apiKey/,
    );
    await (await openQdrant({ url: locked.url, collection: 'a', embedDim: 3, apiKey: 'secret' })).close();
    await locked.stop();
  });

  it.each([
    [{ embedDim: 3 }, /collection/],
    [{ embedDim: 3, collection: 'a/b' }, /letters, digits/],
    [{ embedDim: 3, collection: 'a', url: 'nowhere' }, /address/],
  ])('refuses %o', async (options, message) => {
    await expect(openQdrant(options as never)).rejects.toThrow(message);
  });
});

// npm run check:stores: 160 MB that no other test needs
const lanceFolder = process.env.DIPTYCH_STORES;
describe.skipIf(!lanceFolder)('LanceDB', () => {
  let connection: LanceConnection;
  beforeAll(async () => {
    const lancedb = createRequire(join(lanceFolder!, 'package.json'))('@lancedb/lancedb');
    connection = await lancedb.connect(join(folder, 'lance'));
  });
  afterAll(() => connection.close());

  testVectorStore({ describe, it }, 'LanceDbStore', {
    create: (embedDim) => openLanceDb({ connection, table: `store-${made++}`, embedDim }),
  });

  it('keeps rows over connections, and refuses a table of another width', async () => {
    const first = await openLanceDb({ connection, table: 'kept', embedDim: 3 });
    await first.add({ ids: ['a'], vectors: new Matrix(Float32Array.of(1, 2, 3), [1, 3]), metadata: [{ year: 2024 }] });
    await first.close();
    const again = await openLanceDb({ connection, table: 'kept', embedDim: 3 });
    expect(await again.count({ year: 2024 })).toBe(1);
    await again.close();
    await expect(openLanceDb({ connection, table: 'kept', embedDim: 4 })).rejects.toThrow(
      /table kept: expected vectors of 4, got 3/,
    );
  });
});

it.each([
  [{ embedDim: 3, table: 'a' }, /either uri or connection, got neither/],
  [{ embedDim: 3, table: '../a', uri: 'x' }, /letters, digits/],
  [{ embedDim: 3, table: 'a', uri: 'x' }, /npm install @lancedb\/lancedb@/],
])('LanceDB refuses %o', async (options, message) => {
  await expect(openLanceDb(options as never)).rejects.toThrow(message);
});
