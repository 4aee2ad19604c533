// Recall and speed of every store beside exact search, the best 10 of 10,000 rows of 256: what the adapters' databases do with the
// settings that they come with (DIPTYCH_BENCH_ROWS and DIPTYCH_BENCH_STORES, names with commas, make it smaller). LanceDB where DIPTYCH_STORES names
// the folder that `npm run check:stores` fills, PostgreSQL and Qdrant where DIPTYCH_POSTGRES_URL and DIPTYCH_QDRANT_URL name servers.
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openIndex } from '@diptych/search';
import { openLanceDb } from '@diptych/search/lancedb';
import { openPgVector } from '@diptych/search/pgvector';
import { openQdrant } from '@diptych/search/qdrant';
import { approximate } from '@diptych/search/usearch';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { clusteredRows } from './lib/clustered-rows.mjs';
import { line } from './lib/statistics.mjs';

const [ROWS, WIDTH, K, CHUNK] = [Number(process.env.DIPTYCH_BENCH_ROWS ?? 10_000), 256, 10, 10_000];
const folder = mkdtempSync(join(tmpdir(), 'diptych-stores-'));
const queries = { data: clusteredRows(100, WIDTH, 99), shape: [100, WIDTH] };
const one = (i) => ({ data: queries.data.subarray(i * WIDTH, (i + 1) * WIDTH), shape: [1, WIDTH] });
const { DIPTYCH_STORES: packages, DIPTYCH_POSTGRES_URL: postgres } = process.env;
const { DIPTYCH_QDRANT_URL: qdrant, DIPTYCH_BENCH_STORES: some } = process.env;
const only = some?.split(',');

const stores = {
  exact_float32: () => openIndex(join(folder, 'float32'), { embedDim: WIDTH }),
  exact_int8: () => openIndex(join(folder, 'int8'), { embedDim: WIDTH, precision: 'int8' }),
  usearch: async () => approximate(await openIndex(join(folder, 'usearch'), { embedDim: WIDTH }), { from: 1 }),
  pglite_pgvector: () => pgvector({}),
  pglite_pgvector_hnsw: () => pgvector({ index: 'hnsw' }),
  ...(postgres && {
    postgres_pgvector: () => onServer({}),
    postgres_pgvector_hnsw: () => onServer({ index: 'hnsw' }),
  }),
  ...(packages && {
    lancedb: async () => {
      const lancedb = createRequire(join(packages, 'package.json'))('@lancedb/lancedb');
      return openLanceDb({ connection: await lancedb.connect(join(folder, 'lance')), table: 'rows', embedDim: WIDTH });
    },
  }),
  ...(qdrant && { qdrant: () => openQdrant({ url: qdrant, collection: `bench-${process.pid}`, embedDim: WIDTH }) }),
};

async function pgvector(options) {
  const client = await PGlite.create({ extensions: { vector } });
  return openPgVector({ client, embedDim: WIDTH, ...options });
}

/** A table of its own on a server, which goes when the store is closed. */
async function onServer(options) {
  const { Pool } = createRequire(join(packages, 'package.json'))('pg');
  const client = new Pool({ connectionString: postgres });
  const table = `bench_${process.pid}`;
  const store = await openPgVector({ client, table, embedDim: WIDTH, ...options });
  const close = store.close.bind(store);
  store.close = async () => {
    await close();
    await client.query(`DROP TABLE "${table}"`);
    await client.end();
  };
  return store;
}

let wanted;
for (const [name, open] of Object.entries(stores)) {
  if (only && !['exact_float32', ...only].includes(name)) continue;
  try {
    await measure(name, await open());
  } catch (error) {
    console.error(`${name}: ${error.message}`);
  }
}
rmSync(folder, { recursive: true });

async function measure(name, store) {
  const begin = performance.now();
  for (let first = 0; first < ROWS; first += CHUNK) {
    const count = Math.min(CHUNK, ROWS - first);
    const ids = Array.from({ length: count }, (_, i) => `picture ${first + i}`);
    const metadata = ids.map((_, i) => ({ folder: `folder ${i % 100}`, number: first + i }));
    await store.add({
      ids,
      vectors: { data: clusteredRows(count, WIDTH, first + 1), shape: [count, WIDTH] },
      metadata,
    });
  }
  const added = (performance.now() - begin) / 1000;
  const found = await store.search(queries, { k: K });
  wanted ??= found.map((hits) => new Set(hits.map(({ id }) => id)));
  const right = found.reduce((sum, hits, q) => sum + hits.filter(({ id }) => wanted[q].has(id)).length, 0);
  const times = { alone: [], filtered: [] };
  for (let i = 0; i < 30; i++) {
    times.alone.push(await seconds(() => store.search(one(i), { k: K })));
    times.filtered.push(await seconds(() => store.search(one(i), { k: K, filter: { folder: `folder ${i}` } })));
  }
  await store.close();
  for (const made of [
    line(`store_${name}_recall`, 'of 10', [right / (K * queries.shape[0])], { higherIsBetter: true }),
    line(`store_${name}_search`, 's', times.alone),
    line(`store_${name}_filtered`, 's', times.filtered),
    line(`store_${name}_add`, 'rows/s', [ROWS / added], { higherIsBetter: true }),
  ]) {
    console.log(JSON.stringify(made));
  }
}

async function seconds(work) {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}
