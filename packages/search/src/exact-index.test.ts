import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Matrix } from '@diptych/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bestByHand, numberedIds, randomMatrix } from '../test/random-rows.js';
import { type OpenIndexOptions, openIndex } from './open-index.js';

let folder: string;
let made = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-index-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fresh = () => join(folder, `index-${made++}`);
const here: OpenIndexOptions = { threads: 1 };

describe.each([
  [{ precision: 'float32' }, 1e-5],
  [{ precision: 'float16' }, 1e-3],
  [{ precision: 'int8' }, 1e-5],
  [{ precision: 'int8', rerank: 'float16' }, 1e-3],
  [{ precision: 'int8', rerank: null }, 2e-2],
] as [OpenIndexOptions, number][])('an index with %o', (precision, tolerance) => {
  describe.each([1, 3, 16, 100, 256])('of width %s', (embedDim) => {
    it.each(['wasm', 'auto'] as const)('finds what comparing by hand finds (%s)', async (batchEngine) => {
      const rows = randomMatrix(2100, embedDim);
      const index = await openIndex(fresh(), { ...here, ...precision, embedDim, batchEngine });
      await index.add({ ids: numberedIds(2100), vectors: rows });
      for (const count of [1, 2, 7, 70]) {
        const queries = randomMatrix(count, embedDim, 5);
        const found = await index.search(queries, { k: 5 });
        const wanted = bestByHand(queries, rows, 5);
        expect(found.map((hits) => hits.length)).toEqual(wanted.map((hits) => hits.length));
        for (const [q, hits] of found.entries()) {
          for (const [i, hit] of hits.entries())
            expect(Math.abs(hit.score - wanted[q]![i]!.score)).toBeLessThan(tolerance);
        }
      }
      await index.close();
    });
  });
});

describe('rows that come and go', () => {
  it('are added, replaced and deleted by id, over many commits, and after opening again', async () => {
    const path = fresh();
    let index = await openIndex(path, { ...here, embedDim: 8 });
    const there = new Map<string, { vector: Float32Array; version: number }>();
    for (let round = 0; round < 60; round++) {
      const vectors = randomMatrix(5, 8, round + 1);
      const ids = numberedIds(5, (round * 3) % 50);
      await index.add({ ids, vectors, metadata: ids.map(() => ({ version: round })) });
      for (const [i, id] of ids.entries()) there.set(id, { vector: vectors.row(i), version: round });
      if (round % 4 === 3) {
        const gone = numberedIds(2, (round * 7) % 50);
        const wanted = gone.filter((id) => there.delete(id)).length;
        expect(await index.delete(gone)).toBe(wanted);
      }
      if (round === 30) {
        await index.close();
        index = await openIndex(path, here);
      }
      expect(await index.count()).toBe(there.size);
    }
    expect(index.stats().segments).toBeLessThan(20); // small ones are merged
    const check = async () => {
      const rows = await index.get([...there.keys()]);
      for (const [id, { version }] of there) expect(rows.find((row) => row?.id === id)?.metadata).toEqual({ version });
      const all = [...there.values()];
      const found = await index.search(new Matrix(all[0]!.vector, [1, 8]), { k: 1000 });
      expect(new Set(found[0]!.map(({ id }) => id))).toEqual(new Set(there.keys()));
      expect(found[0]![0]!.score).toBeCloseTo(1, 5);
      const listed: string[] = [];
      for await (const { ids } of index.rows()) listed.push(...ids);
      expect(new Set(listed)).toEqual(new Set(there.keys()));
      expect(listed.length).toBe(there.size);
    };
    await check();
    await index.compact();
    await check();
    expect(index.stats()).toMatchObject({ rows: there.size, deadRows: 0, segments: 1 });
    await index.verify();
    await index.close();
  });

  it('an id that was deleted comes back as another row', async () => {
    const index = await openIndex(fresh(), { ...here, embedDim: 2 });
    await index.add({ ids: ['a', 'b'], vectors: new Matrix(Float32Array.of(1, 0, 0, 1), [2, 2]) });
    await index.delete(['a', 'a', 'nobody']);
    expect(await index.get(['a', 'b'])).toMatchObject([undefined, { id: 'b' }]);
    await index.add({ ids: ['a'], vectors: new Matrix(Float32Array.of(0, 2), [1, 2]) });
    expect(await index.search(new Matrix(Float32Array.of(0, 1), [1, 2]))).toMatchObject([
      [
        { id: 'b', score: 1 },
        { id: 'a', score: 1 },
      ],
    ]);
    await index.close();
  });

  it('a reader beside the writer sees commits when it refreshes, and goes on with files that are gone', async () => {
    const path = fresh();
    const writer = await openIndex(path, { ...here, embedDim: 4 });
    const reader = await openIndex(path, { ...here, readonly: true });
    expect(await reader.count()).toBe(0);
    for (let i = 0; i < 40; i++) {
      await writer.add({ ids: [`row ${i}`], vectors: randomMatrix(1, 4, i + 1) });
      expect(await reader.count()).toBe(i);
      if (i % 2 === 0) {
        await reader.refresh();
        await reader.refresh();
      } else {
        expect(await reader.refresh()).toBe(true);
      }
      expect(await reader.refresh()).toBe(false);
      expect((await reader.search(randomMatrix(1, 4), { k: 100 }))[0]!.length).toBe(i + 1);
    }
    await writer.compact();
    expect((await reader.search(randomMatrix(1, 4), { k: 100 }))[0]!.length).toBe(40);
    await reader.close();
    await writer.close();
  });

  it('searches see the rows as they were when they were called', async () => {
    const index = await openIndex(fresh(), { ...here, embedDim: 4 });
    await index.add({ ids: numberedIds(100), vectors: randomMatrix(100, 4) });
    const searching = Array.from({ length: 20 }, () => index.search(randomMatrix(3, 4), { k: 100 }));
    const deleting = index.delete(numberedIds(50));
    for (const found of await Promise.all(searching)) expect(found.map((hits) => hits.length)).toEqual([100, 100, 100]);
    await deleting;
    expect((await index.search(randomMatrix(1, 4), { k: 100 }))[0]!.length).toBe(50);
    await index.close();
  });
});

describe('filters', () => {
  it('leave the rows that fit, few or many, with deleted ones left out', async () => {
    const count = 5000;
    const rows = randomMatrix(count, 16);
    const index = await openIndex(fresh(), { ...here, embedDim: 16 });
    const metadata = numberedIds(count).map((_, i) => ({
      folder: i % 3 === 0 ? 'a' : 'b',
      number: i,
      tags: [`t${i % 7}`, 'all'],
      ...(i % 2 === 0 && { even: true }),
    }));
    await index.add({ ids: numberedIds(count), vectors: rows, metadata });
    await index.delete(numberedIds(10));
    const fits: [object, (i: number) => boolean][] = [
      [{ folder: 'a' }, (i) => i % 3 === 0],
      [{ number: { gte: 4990 } }, (i) => i >= 4990],
      [{ number: { gt: 20, lte: 30 }, folder: 'b' }, (i) => i > 20 && i <= 30 && i % 3 !== 0],
      [{ tags: 't3' }, (i) => i % 7 === 3],
      [{ tags: { in: ['t1', 't2'] }, even: null }, (i) => [1, 2].includes(i % 7) && i % 2 === 1],
      [{ $or: [{ number: 100 }, { number: 4000 }] }, (i) => i === 100 || i === 4000],
      [{ $not: { folder: 'a' } }, (i) => i % 3 !== 0],
      [{ number: '100' }, () => false],
      [{ nothing: 1 }, () => false],
    ];
    for (const [filter, fit] of fits) {
      const wanted = Array.from({ length: count }, (_, i) => i).filter((i) => i >= 10 && fit(i));
      expect(await index.count(filter as never), JSON.stringify(filter)).toBe(wanted.length);
      const queries = randomMatrix(9, 16, 3);
      const found = await index.search(queries, { k: count, filter: filter as never });
      for (const hits of found) {
        expect(hits.map(({ metadata: { number } }) => number as number).sort((a, b) => a - b)).toEqual(wanted);
      }
      const [first] = await index.search(queries, { k: 3, filter: filter as never });
      expect(first).toEqual(found[0]!.slice(0, 3));
    }
    await index.close();
  });
});
