import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../test/bundle.js';
import { numberedIds, randomMatrix } from '../test/random-rows.js';
import { type OpenIndexOptions, openIndex } from './open-index.js';

const ROWS = 20_000;
const WIDTH = 128;

let folder: string;
let workerFile: string;

beforeAll(async () => {
  ({ folder, program: workerFile } = await bundle('src/scan/scan-worker.ts'));
  const vectors = randomMatrix(ROWS, WIDTH);
  for (const precision of ['float32', 'float16', 'int8'] as const) {
    const index = await openIndex(join(folder, precision), { embedDim: WIDTH, precision, rerank: null, threads: 1 });
    for (let first = 0; first < ROWS; first += 5000) {
      const data = {
        data: vectors.data.subarray(first * WIDTH, (first + 5000) * WIDTH),
        shape: [5000, WIDTH] as const,
      };
      const metadata = numberedIds(5000, first).map((_, i) => ({ third: i % 3 }));
      await index.add({ ids: numberedIds(5000, first), vectors: data, metadata });
    }
    await index.delete(numberedIds(100, 70));
    await index.close();
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const queries = randomMatrix(70, WIDTH, 9);
const one = randomMatrix(1, WIDTH, 10);

describe.each(['float32', 'float16', 'int8'] as const)('threads and little memory, %s', (precision) => {
  it.each([
    [{ threads: 2, cacheBytes: 2 ** 30 }],
    [{ threads: 3, cacheBytes: 4 * 2 ** 20 }], // most blocks are read again and again
    [{ threads: 2, cacheBytes: 0 }],
    [{ threads: 1, cacheBytes: 0 }],
  ] as [OpenIndexOptions][])('%o find the same', async (options) => {
    const path = join(folder, precision);
    const alone = await openIndex(path, { threads: 1, batchEngine: 'wasm', readonly: true });
    for (const batchEngine of ['wasm', 'auto'] as const) {
      const index = await openIndex(path, { ...options, batchEngine, workerFile, readonly: true });
      for (const search of [{ k: 10 }, { k: 3, filter: { third: 1 } }, { k: 500, minScore: 0.2 }]) {
        for (const query of [one, queries]) {
          const [found, wanted] = [await index.search(query, search), await alone.search(query, search)];
          for (const [q, hits] of found.entries()) {
            expect(hits.length).toBe(wanted[q]!.length);
            for (const [i, { score }] of hits.entries())
              expect(Math.abs(score - wanted[q]![i]!.score)).toBeLessThan(1e-6);
            // products round differently, so that the last may be another one
            const ids = new Set(wanted[q]!.map(({ id }) => id));
            expect(hits.filter(({ id }) => !ids.has(id)).length).toBeLessThanOrEqual(1);
          }
        }
      }
      await index.close();
    }
    await alone.close();
  });
});

describe('threads that end', () => {
  it('end the search with an error that says what to look at, and the next one starts new ones', async () => {
    const path = join(folder, 'float32');
    const broken = join(folder, 'broken.mjs');
    writeFileSync(broken, "throw new Error('no such module');");
    const index = await openIndex(path, { threads: 2, workerFile: broken, readonly: true });
    await expect(index.search(one)).rejects.toThrow(/a scanning thread: ended: no such module; .*workerFile/);
    await expect(index.search(one)).rejects.toThrow(/a scanning thread/);
    await index.close();
    const missing = await openIndex(path, { threads: 2, workerFile: join(folder, 'nowhere.mjs'), readonly: true });
    await expect(missing.search(one)).rejects.toThrow(/a scanning thread: ended: .*nowhere\.mjs/);
    await missing.close();
  });

  it('do not keep searches of a closed index waiting', async () => {
    const index = await openIndex(join(folder, 'float32'), { threads: 2, workerFile, readonly: true });
    const searching = Array.from({ length: 5 }, () => index.search(queries));
    await index.close();
    for (const found of await Promise.all(searching)) expect(found.length).toBe(70);
  });
});
