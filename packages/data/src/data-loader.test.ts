import { readFileSync, writeFileSync } from 'node:fs';
import type { PairBatch } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { serve } from '../../core/test/flaky-server.js';
import { FakeTokenizer, FakeTransform, fakeImage } from '../test/fake-parts.js';
import { allOf, codeOf, idsOf, plain, someItems, useLoaders } from '../test/loaders.js';
import { makeTar, type TarMember } from '../test/make-tar.js';
import { DataLoader } from './data-loader.js';
import type { DataLoaderOptions } from './loader-options.js';
import { iterable } from './sources/iterable.js';
import { jsonl } from './sources/jsonl.js';
import { mix } from './sources/mix.js';
import { type PairInput, pairs } from './sources/pairs.js';
import { webdataset } from './sources/webdataset.js';

const { at, makeLoader } = useLoaders();

describe('a loader', () => {
  it('says what is missing, before it reads', async () => {
    const source = pairs(someItems(4));
    const parts = { transform: new FakeTransform(), tokenizer: new FakeTokenizer() };
    const make = (...args: unknown[]) =>
      codeOf(() => new DataLoader(...(args as ConstructorParameters<typeof DataLoader>)));
    expect(await make()).toMatch(/^config: .*expected a source of pairs.*got nothing/);
    expect(await make('pairs.jsonl', { ...parts, batchSize: 2 })).toMatch(/^config: .*source of pairs.*got a string/);
    expect(await make(source)).toMatch(/^config: .*expected an object of options/);
    expect(await make(source, { batchSize: 2 })).toMatch(/^config: .*transform to be an image transform/);
    expect(await make(source, { transform: parts.transform, batchSize: 2 })).toMatch(/^config: .*tokenizer to be/);
    expect(await make(source, parts)).toMatch(/^config: .*batchSize to be an integer/);
  });

  it('does not end in silence where there is nothing to give', async () => {
    expect(await codeOf(() => allOf(makeLoader(pairs([]))))).toMatch(/^input: .*expected pairs, got none/);
    const few = makeLoader(pairs(someItems(3)), { dropLast: true });
    expect(await codeOf(() => allOf(few))).toMatch(/^input: .*at least 4 pairs, a whole batch, got 3; lower batchSize/);
  });

  it('has the fingerprint of its source: it changes with the content alone', async () => {
    const print = (count: number) => makeLoader(pairs(someItems(count))).fingerprint();
    expect(await print(4)).toBe(await print(4));
    expect(await print(4)).not.toBe(await print(5));
    const file = (name: string, text: string) => {
      writeFileSync(at(name), JSON.stringify({ image: 'a.png', text }));
      return makeLoader(jsonl(at(name))).fingerprint();
    };
    const first = await file('print.jsonl', 'one');
    expect(await file('print.jsonl', 'two')).not.toBe(first);
    expect(await file('print.jsonl', 'one')).toBe(first);
    expect(await makeLoader(iterable(() => [])).fingerprint()).toBeUndefined();
    const parts = [pairs(someItems(4)), pairs(someItems(5))].map((source) => ({ source, weight: 1 }));
    expect(await makeLoader(mix(parts)).fingerprint()).not.toBe(await makeLoader(mix(parts.slice(1))).fingerprint());
  });
});

describe('batches', () => {
  it('come in the order of the source, row by row, and the last may be short', async () => {
    const batches = await allOf(makeLoader(pairs(someItems(10)), { padToMultipleOf: 8 }));
    expect(idsOf(batches)).toEqual(['id0 id1 id2 id3', 'id4 id5 id6 id7', 'id8 id9']);
    expect(batches[1]!.pixels.slice(0, 3)).toEqual([4, 0, 4]);
    expect(batches[2]!.shape).toEqual([2, 2, 2, 3]);
    expect(batches[0]!.tokens.length).toBe(4 * 8);
    expect(batches[0]!.tokens.slice(0, 5)).toEqual([1, 8, 4, 2, 0]);
  });

  it('leave out a short last batch with dropLast, and say how many there are', async () => {
    const loader = makeLoader(pairs(someItems(10)), { dropLast: true });
    expect(loader.batchesPerEpoch).toBe(2);
    expect((await allOf(loader)).length).toBe(2);
    expect(makeLoader(pairs(someItems(10))).batchesPerEpoch).toBe(3);
  });

  it('are shuffled by seed and epoch, each pair once', async () => {
    const read = async (seed: number, epoch: number) =>
      (await allOf(makeLoader(pairs(someItems(50)), { shuffle: true, seed }), epoch)).flatMap(({ ids }) => ids);
    const first = await read(1, 0);
    expect(await read(1, 0)).toEqual(first);
    expect(await read(1, 1)).not.toEqual(first);
    expect(await read(2, 0)).not.toEqual(first);
    expect([...first].sort()).toEqual(
      someItems(50)
        .map(({ id }) => id!)
        .sort(),
    );
  });

  it('shuffle a stream through a buffer: near items stay near, each pair comes once', async () => {
    const source = iterable(() => someItems(200));
    const ids = (await allOf(makeLoader(source, { shuffle: true, buffer: { records: 20 } }))).flatMap(({ ids }) => ids);
    expect(new Set(ids).size).toBe(200);
    expect(ids.slice(0, 10).every((id) => Number(id.slice(2)) < 40)).toBe(true);
    expect(ids).not.toEqual(someItems(200).map(({ id }) => id));
  });

  it('split over ranks without overlap', async () => {
    const ranks = [0, 1, 2].map((rank) =>
      makeLoader(pairs(someItems(31)), { shuffle: true, shard: { rank, worldSize: 3 } }),
    );
    const ids = (await Promise.all(ranks.map((loader) => allOf(loader)))).flat().flatMap(({ ids }) => ids);
    expect(ids.length).toBe(31);
    expect(new Set(ids).size).toBe(31);
  });

  it('take one caption of several: the first in evaluation, a drawn one in training, or all', async () => {
    const source = pairs(someItems(40));
    const tokens = async (options: Partial<DataLoaderOptions>, epoch = 0) =>
      (await allOf(makeLoader(source, { batchSize: 40, maxLength: 3, ...options }), epoch))[0]!.tokens;
    const evaluation = await tokens({});
    expect(evaluation.filter((id) => id === 'first'.length + 3).length).toBe(40);
    const training = await tokens({ training: true });
    const firsts = training.filter((id) => id === 'first'.length + 3).length;
    expect(firsts).toBeGreaterThan(8);
    expect(firsts).toBeLessThan(32);
    expect(await tokens({ training: true }, 1)).not.toEqual(training);
    const all = await allOf(makeLoader(source, { captions: 'all' }));
    expect(all.length).toBe(20);
    expect(all[0]!.ids).toEqual(['id0', 'id0', 'id1', 'id1']);
  });
});

describe('inOrder', () => {
  it('gives every row once in order, whatever training asks for', async () => {
    const loader = makeLoader(pairs(someItems(10)), { shuffle: true, dropLast: true, bucketByLength: true, seed: 3 });
    const ids: string[] = [];
    const sizes: number[] = [];
    for await (const batch of loader.inOrder()) {
      ids.push(...batch.ids);
      sizes.push(batch.size);
    }
    expect(sizes).toEqual([4, 4, 2]);
    expect(ids).toEqual(someItems(10).map(({ id }) => id));
  });
});

describe('samplers', () => {
  it('unique keeps equal captions and images apart and loses no pair', async () => {
    const items = Array.from({ length: 60 }, (_, i) => ({
      id: String(i),
      image: fakeImage(i % 15),
      text: `caption  ${i % 20}${i < 30 ? '' : ' '}`,
    }));
    for (const shuffle of [false, true]) {
      const batches = await allOf(makeLoader(pairs(items), { unique: 'content', batchSize: 10, shuffle }));
      expect(batches.flatMap(({ ids }) => ids).length).toBe(60);
      for (const { ids } of batches) {
        expect(new Set(ids.map((id) => Number(id) % 15)).size).toBe(ids.length);
        expect(new Set(ids.map((id) => Number(id) % 20)).size).toBe(ids.length);
      }
    }
  });

  it('unique says so where no batch can be filled', async () => {
    const items = Array.from({ length: 12_000 }, (_, i) => ({ image: fakeImage(i % 256), text: `only ${i % 3}` }));
    const loader = makeLoader(pairs(items), { unique: true, batchSize: 64 });
    expect(await codeOf(() => allOf(loader))).toMatch(/^config: .*without equal captions/);
  });

  it('bucketByLength leaves little padding', async () => {
    const items = Array.from({ length: 3200 }, (_, i) => ({
      image: fakeImage(i % 256),
      text: Array.from({ length: 3 + ((i * 7919) % 30) }, () => 'word').join(' '),
    }));
    const waste = async (options: Partial<DataLoaderOptions>) => {
      let padded = 0;
      let real = 0;
      for await (const { tokens } of makeLoader(pairs(items), { shuffle: true, batchSize: 32, ...options }).epoch(0)) {
        padded += tokens.inputIds.length;
        real += tokens.attentionMask.reduce((sum, one) => sum + one, 0);
      }
      return 1 - real / padded;
    };
    expect(await waste({})).toBeGreaterThan(0.3);
    expect(await waste({ bucketByLength: true })).toBeLessThan(0.1);
  });
});

describe('bad items', () => {
  it('are passed over, counted, noted once with their place; batches stay full', async () => {
    const quarantine = at('quarantine.jsonl');
    const items: PairInput[] = someItems(30, (i) => i === 3 || i === 11);
    items[5] = { image: fakeImage(5), text: '   ' };
    items[6] = { image: fakeImage(6), text: 'is UNTOKENIZABLE indeed' };
    items[7] = { image: at('nowhere.png'), text: 'missing' };
    items[8] = { image: new Uint8Array(0), text: 'empty' };
    const seen: string[] = [];
    const loader = makeLoader(pairs(items), { quarantine, onBad: ({ message }) => seen.push(message) });
    const sizes = (await allOf(loader)).map(({ size }) => size);
    expect(sizes).toEqual([4, 4, 4, 4, 4, 4]);
    expect(loader.stats).toMatchObject({ pairs: 24, batches: 6 });
    expect(loader.stats.bad).toEqual({
      total: 6,
      byReason: {
        'empty-caption': 1,
        'undecodable-image': 2,
        'untokenizable-caption': 1,
        'missing-file': 1,
        'empty-image': 1,
      },
    });
    await allOf(loader, 1);
    const notes = readFileSync(quarantine, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(notes.length).toBe(6);
    expect(notes.find(({ reason }) => reason === 'missing-file')).toMatchObject({ file: 'pairs', row: 7, epoch: 0 });
    expect(seen.length).toBe(12);
    expect(seen.find((message) => message.startsWith('pairs[7]'))).toMatch(/expected a file at .*nowhere.png/);
  });

  it('are thrown in strict mode, with workers too', async () => {
    for (const workers of [0, 1]) {
      const loader = makeLoader(pairs(someItems(12, (i) => i === 6)), { strict: true, workers });
      expect(await codeOf(() => allOf(loader))).toMatch(/^input: pairs\[6\]: expected an image that decodes/);
    }
  });

  it('stop an epoch where nearly everything is bad', async () => {
    const loader = makeLoader(pairs(someItems(1000, (i) => i > 10)), { batchSize: 8 });
    expect(await codeOf(() => allOf(loader))).toMatch(/^input: .*items cannot be used: \d+ undecodable-image/);
    const none = makeLoader(pairs(someItems(3, () => true)));
    expect(await codeOf(() => allOf(none))).toMatch(/^input: .*no batch could be made; 3 items/);
  });
});

describe('remote shards', () => {
  it('that stall do not hold up a loop that is left, or that ends with an error', async () => {
    const members = (bad: boolean): TarMember[] =>
      Array.from({ length: 8 }, (_, i): TarMember[] => [
        [`${i}.jpg`, bad && i === 6 ? 'no picture' : fakeImage(i)],
        [`${i}.txt`, `caption ${i}`],
      ]).flat();
    const { url, close } = await serve(async (request, response) => {
      if (request.url === '/stalled.tar') response.writeHead(200).write('x');
      else response.end(await makeTar(members(request.url === '/bad.tar')));
    });
    const started = performance.now();
    for await (const _ of makeLoader(webdataset([`${url}/good.tar`, `${url}/stalled.tar`]), { prefetch: 4 }).epoch(0))
      break;
    const strict = makeLoader(webdataset([`${url}/bad.tar`, `${url}/stalled.tar`]), { prefetch: 4, strict: true });
    expect(await codeOf(() => allOf(strict))).toMatch(/^input: .*bad.tar\/6.jpg: expected an image that decodes/);
    expect(performance.now() - started).toBeLessThan(5000);
    await close();
  });
});

describe('the loader', () => {
  it("decodes once with cache: 'decoded', and still draws anew each epoch", async () => {
    for (const workers of [0, 2]) {
      const transform = new FakeTransform();
      const loader = makeLoader(pairs(someItems(20)), { transform, cache: 'decoded', shuffle: true, workers });
      const plainLoader = makeLoader(pairs(someItems(20)), { shuffle: true });
      for (const epoch of [0, 1, 2]) expect(await allOf(loader, epoch)).toEqual(await allOf(plainLoader, epoch));
      if (workers === 0) expect(transform.decodes).toBe(20);
    }
  });

  /** A thousand items, and how many of them were read. */
  function counted() {
    let read = 0;
    const source = iterable(function* () {
      for (const item of someItems(1000)) {
        read++;
        yield item;
      }
    });
    return { source, count: () => read };
  }

  it('stops reading when the loop is left, and can start again', async () => {
    const { source, count } = counted();
    const loader = makeLoader(source, { prefetch: 2 });
    for await (const _ of loader.epoch(0)) break;
    expect(count()).toBeLessThan(30);
    expect((await allOf(loader)).length).toBe(250);
  });

  it('reads no further than prefetch while the reader is busy', async () => {
    const { source, count } = counted();
    const iterator = makeLoader(source, { prefetch: 3 }).epoch(0);
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(count()).toBeLessThanOrEqual(6 * 4);
    await iterator.return();
  });

  it('refuses options out of range, and two epochs at once', async () => {
    for (const options of [
      { batchSize: 0 },
      { workers: -1 },
      { seed: 0.5 },
      { maxBadFraction: 0 },
      { shard: { rank: 2, worldSize: 2 } },
    ]) {
      expect(await codeOf(() => makeLoader(pairs([]), options))).toMatch(/^config: data.DataLoader: expected/);
    }
    const loader = makeLoader(pairs(someItems(20)));
    const first = loader.epoch(0);
    await first.next();
    expect(await codeOf(() => loader.epoch(1).next())).toMatch(/one epoch at a time/);
    await first.return();
  });
});

describe('recycle', () => {
  it('decodes later batches, with gaps filled too, into the memory of those that came back', async () => {
    const source = () => pairs(someItems(40, (i) => i % 9 === 5));
    const expected = await allOf(makeLoader(source()));
    const loader = makeLoader(source());
    const batches: ReturnType<typeof plain>[] = [];
    const memory = new Set<unknown>();
    for await (const batch of loader.epoch(0)) {
      batches.push(plain(batch));
      memory.add(batch.pixels.data);
      loader.recycle(batch);
    }
    expect(batches).toEqual(expected);
    expect(memory.size).toBeLessThan(batches.length);
  });

  it('leaves batches alone that are not its own, or came back before', async () => {
    const [first, second] = [makeLoader(pairs(someItems(24))), makeLoader(pairs(someItems(24)))];
    const strangers: PairBatch[] = [];
    for await (const batch of first.epoch(0)) strangers.push(batch);
    const before = strangers.map(plain);
    const memory: unknown[] = [];
    for await (const batch of second.epoch(0)) {
      memory.push(batch.pixels.data);
      second.recycle(strangers[memory.length % strangers.length]!);
      if (memory.length === 1) for (let i = 0; i < 2; i++) second.recycle(batch);
    }
    expect(strangers.map(plain)).toEqual(before);
    expect(memory.length - new Set(memory).size).toBe(1);
  });
});
