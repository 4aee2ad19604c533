import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Matrix } from '@diptych/core';
import { openIndex } from '@diptych/search';
import { openPgVector } from '@diptych/search/pgvector';
import { testVectorStore } from '@diptych/testing';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

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
