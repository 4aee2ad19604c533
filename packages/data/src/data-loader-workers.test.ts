import { writeFileSync } from 'node:fs';
import { registerKinds } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { FakeTransform, fakeImage, makeTransform } from '../test/fake-parts.js';
import { allOf, codeOf, idsOf, someItems, useLoaders } from '../test/loaders.js';
import type { DataLoaderOptions } from './loader-options.js';
import { pairs } from './sources/pairs.js';

const { at, makeLoader } = useLoaders();

describe('workers', () => {
  const settings: Partial<DataLoaderOptions> = { shuffle: true, seed: 3, unique: true, bucketByLength: { window: 3 } };
  const source = () => pairs(someItems(61, (i) => i % 9 === 5));

  it('give the same batches as the main thread, whatever their number', async () => {
    const expected = await allOf(makeLoader(source(), settings), 2);
    expect(expected.length).toBeGreaterThan(10);
    for (const workers of [1, 3]) {
      const loader = makeLoader(source(), { ...settings, workers });
      expect(await allOf(loader, 2)).toEqual(expected);
      expect(loader.stats.bad).toEqual({ total: 7, byReason: { 'undecodable-image': 7 } });
    }
  });

  it('are replaced when they die, and their batch is done again', async () => {
    const expected = await allOf(makeLoader(pairs(someItems(40)), { shuffle: true }));
    const loader = makeLoader(pairs(someItems(40)), { shuffle: true, workers: 2 }, { dieOn: 17, onceFlag: at('died') });
    expect(await allOf(loader)).toEqual(expected);
    expect(loader.stats.workerDeaths).toBeGreaterThan(0);
    expect(loader.stats.bad.total).toBe(0);
  });

  it('that always die on one picture lose that pair only', async () => {
    const loader = makeLoader(pairs(someItems(24)), { workers: 2 }, { dieOn: 9 });
    const ids = (await allOf(loader)).flatMap(({ ids }) => ids);
    expect([...ids].sort()).toEqual(
      someItems(24)
        .flatMap(({ id }) => (id === 'id9' ? [] : [id!]))
        .sort(),
    );
    expect(loader.stats.bad.byReason).toEqual({ 'worker-died': 1 });
  });

  it('that die on the first of many pictures in a batch still lose that pair only', async () => {
    const items = someItems(300).map((item, i) => ({ ...item, image: fakeImage(i === 0 ? 255 : i % 200) }));
    const loader = makeLoader(pairs(items), { workers: 1, batchSize: 256, prefetch: 1 }, { dieOn: 255 });
    const ids = (await allOf(loader)).flatMap(({ ids }) => ids);
    expect([...ids].sort()).toEqual(
      items
        .slice(1)
        .map(({ id }) => id!)
        .sort(),
    );
    expect(loader.stats.bad.byReason).toEqual({ 'worker-died': 1 });
  }, 60_000);

  it('that hang are ended after taskTimeout', async () => {
    const loader = makeLoader(pairs(someItems(8)), { workers: 1, taskTimeout: 1200 }, { hangOn: 6 });
    expect(idsOf(await allOf(loader))).toEqual(['id0 id1 id2 id3', 'id4 id5 id7']);
    expect(loader.stats.bad.byReason).toEqual({ 'worker-died': 1 });
  }, 60_000);

  it('say so where they cannot start', async () => {
    const broken = at('broken.mjs');
    writeFileSync(broken, 'process.exit(3);');
    const throwing = at('throwing.mjs');
    writeFileSync(throwing, "throw new Error('not today');");
    for (const workerFile of [at('nowhere.mjs'), throwing, broken]) {
      const loader = makeLoader(source(), { workers: 1, workerFile });
      expect(await codeOf(() => allOf(loader))).toMatch(/^(config|engine): .*(worker threads to start|died)/);
    }
  }, 120_000);

  it('need parts that can be built elsewhere', async () => {
    const code = await codeOf(() => makeLoader(source(), { workers: 1 }, { kind: 'test/nobody-knows' }));
    expect(code).toMatch(/^config: .*no module is known.*registerKinds.*workers: 0/);
    registerKinds({ 'test/nowhere': makeTransform }, 'file:///nowhere/parts.mjs');
    const missing = makeLoader(source(), { workers: 1 }, { kind: 'test/nowhere' });
    expect(await codeOf(() => allOf(missing))).toMatch(/^config: .*nowhere/s);
  });

  it('build parts by the module that registered their kinds, which no description names', async () => {
    expect(JSON.stringify(new FakeTransform().describe())).not.toMatch(/file:|module/);
    expect(await allOf(makeLoader(source(), { workers: 1 }))).toEqual(await allOf(makeLoader(source())));
  });
});
