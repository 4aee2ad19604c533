import { describe, expect, it } from 'vitest';
import { allOf, codeOf, idsOf, someItems, useLoaders } from '../test/loaders.js';
import type { DataLoader } from './data-loader.js';
import { pairs } from './sources/pairs.js';

const { makeLoader } = useLoaders();

describe('batches of several ranks', () => {
  const options = { batchSize: 8, shuffle: true, seed: 3 };
  const source = () => pairs(someItems(29));
  const shares = (size: number, more = {}) =>
    Array.from({ length: size }, (_, rank) => makeLoader(source(), { ...options, ...more, ranks: { rank, size } }));
  /** Batches of all ranks, put together again. */
  const joined = async (loaders: readonly DataLoader[]) => {
    const each = await Promise.all(loaders.map((loader) => allOf(loader)));
    return idsOf(each[0]!).map((_, i) => each.map((batches) => idsOf(batches)[i]).join(' '));
  };

  it('are together those of one process', async () => {
    const whole = idsOf(await allOf(makeLoader(source(), options)));
    for (const size of [1, 2, 3, 5]) {
      const loaders = shares(size);
      expect(await joined(loaders)).toEqual(whole);
      expect(loaders[0]!.batchesPerEpoch).toBe(whole.length);
    }
  });

  it('go on from a state of another number of ranks', async () => {
    const whole = idsOf(await allOf(makeLoader(source(), options)));
    const [first] = shares(3);
    const seen: string[] = [];
    for await (const batch of first!.epoch(0)) {
      seen.push(batch.ids.join(' '));
      if (seen.length === 2) break;
    }
    const state = JSON.parse(JSON.stringify(first!.state()));
    for (const size of [1, 2, 4]) {
      const loaders = size === 1 ? [makeLoader(source(), options)] : shares(size);
      for (const loader of loaders) loader.resume(state);
      expect(await joined(loaders)).toEqual(whole.slice(2));
    }
  });

  it('leave out a last one of fewer rows than ranks, and with dropLast any short one', async () => {
    const whole = idsOf(await allOf(makeLoader(source(), options)));
    const loaders = shares(6);
    expect(await joined(loaders)).toEqual(whole.slice(0, 3));
    expect(loaders[0]!.batchesPerEpoch).toBe(3);
    const dropping = shares(2, { dropLast: true });
    expect(await joined(dropping)).toEqual(whole.slice(0, 3));
    expect(dropping[0]!.batchesPerEpoch).toBe(3);
  });

  it('are smaller by the rows that cannot be used, on the rank whose rows they are', async () => {
    const items = someItems(16).map((item, i) =>
      i === 1 || i === 14 ? { ...item, image: new Uint8Array([1]) } : item,
    );
    const loaders = [0, 1].map((rank) =>
      makeLoader(pairs(items), { batchSize: 8, ranks: { rank, size: 2 }, quarantine: false }),
    );
    expect(await joined(loaders)).toEqual(['id0 id2 id3 id4 id5 id6 id7', 'id8 id9 id10 id11 id12 id13 id15']);
    const none = items.map((item, i) => (i >= 4 && i < 8 ? { ...item, image: new Uint8Array([1]) } : item));
    const second = makeLoader(pairs(none), { batchSize: 8, ranks: { rank: 1, size: 2 }, quarantine: false });
    expect(await codeOf(() => allOf(second))).toMatch(/^input: .*batch 1 has no row for rank 1 of 2/);
  });

  it('are read whole in order, for evaluation', async () => {
    const ids: string[] = [];
    for await (const batch of shares(3)[1]!.inOrder()) ids.push(...batch.ids);
    expect(ids).toHaveLength(29);
  });

  it('refuse ranks that are none', async () => {
    const make = (more: object) => codeOf(() => makeLoader(source(), { ...options, ...more }));
    expect(await make({ ranks: { rank: 2, size: 2 } })).toMatch(/ranks.rank to be an integer from 0 to 1/);
    expect(await make({ ranks: { rank: 0, size: 9 } })).toMatch(/batchSize to be an integer of at least 9/);
    expect(await make({ ranks: { rank: 0, size: 2 }, shard: { rank: 0, worldSize: 2 } })).toMatch(
      /left out beside shard/,
    );
  });
});
