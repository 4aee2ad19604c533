import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { fakeImage } from '../test/fake-parts.js';
import { allOf, codeOf, plain, someItems, useLoaders, words } from '../test/loaders.js';
import { makeTar, type TarMember } from '../test/make-tar.js';
import type { DataLoaderOptions } from './loader-options.js';
import type { LoaderState } from './loader-state.js';
import { iterable } from './sources/iterable.js';
import { mix } from './sources/mix.js';
import { pairs } from './sources/pairs.js';
import { webdataset } from './sources/webdataset.js';

const { at, makeLoader } = useLoaders();

describe('resume', () => {
  const settings: Partial<DataLoaderOptions>[] = [
    { shuffle: true, seed: 5 },
    { shuffle: true, seed: 5, dropLast: true, unique: true },
    { shuffle: true, seed: 5, bucketByLength: { window: 4 }, captions: 'all' },
    {},
  ];
  const sources = {
    'in memory': () => pairs(someItems(57, (i) => i % 7 === 3)),
    'a stream': () => iterable(() => someItems(57, (i) => i % 7 === 3)),
    shards: () => webdataset(at('resume-{0..3}.tar')),
    'a mix': () =>
      mix(
        [
          { source: pairs(someItems(30, (i) => i % 7 === 3)), weight: 3 },
          { source: iterable(() => someItems(9)), weight: 1 },
        ],
        { until: 'all' },
      ),
  };
  beforeAll(async () => {
    for (let shard = 0; shard < 4; shard++) {
      const members = Array.from({ length: 12 + shard }, (_, i): TarMember[] => [
        [`${shard}-${i}.jpg`, i % 5 === 2 ? 'no picture' : fakeImage(i)],
        [`${shard}-${i}.txt`, `${words.slice(0, i % 4).join(' ')} caption ${i} of ${shard}`],
      ]).flat();
      writeFileSync(at(`resume-${shard}.tar`), await makeTar(members));
    }
  });
  for (const [name, source] of Object.entries(sources)) {
    it.each(settings)(`after any batch gives the rest of the uninterrupted run, ${name}, %j`, async (options) => {
      const shuffled = { ...options, buffer: { records: 16 } };
      const whole = makeLoader(source(), shuffled);
      const expected: ReturnType<typeof plain>[] = [];
      const states: string[] = [JSON.stringify(whole.state())];
      for await (const batch of whole.epoch(0)) {
        expected.push(plain(batch));
        states.push(JSON.stringify(whole.state()));
      }
      for (const [given, state] of states.entries()) {
        expect(state.length).toBeLessThan(1000);
        const rest = makeLoader(source(), shuffled);
        rest.resume(JSON.parse(state) as LoaderState);
        expect(await allOf(rest, 0)).toEqual(expected.slice(given));
      }
    });
  }

  it('goes on with another number of workers', async () => {
    const make = (workers: number) => makeLoader(sources.shards(), { shuffle: true, unique: true, workers });
    const expected = await allOf(make(0), 1);
    const first = make(2);
    const given: ReturnType<typeof plain>[] = [];
    for await (const batch of first.epoch(1)) {
      given.push(plain(batch));
      if (given.length === 5) break;
    }
    const second = make(1);
    second.resume(JSON.parse(JSON.stringify(first.state())));
    expect([...given, ...(await allOf(second, 1))]).toEqual(expected);
  });

  it('keeps later epochs as they were', async () => {
    const make = () => makeLoader(pairs(someItems(20)), { shuffle: true });
    const loader = make();
    const iterator = loader.epoch(3);
    await iterator.next();
    const state = loader.state();
    await iterator.return();
    const resumed = make();
    resumed.resume(state);
    expect(await codeOf(() => allOf(resumed, 4))).toMatch(/^checkpoint: .*expected epoch\(3\)/);
    expect((await allOf(resumed, 3)).length).toBe(4);
    expect(await allOf(resumed, 4)).toEqual(await allOf(make(), 4));
  });

  it('knows the source by what it holds, not by its name', async () => {
    const named = (name: string, count = 20) => makeLoader(pairs(someItems(count), { name }), { seed: 1 });
    const first = named('https://example.org/a.jsonl?signature=secret');
    expect(JSON.stringify(first.state())).not.toMatch(/a\.jsonl|secret/);
    const fingerprint = await first.fingerprint();
    const batches = first.epoch(0);
    await batches.next();
    const state = first.state();
    await batches.return();
    expect(state.content).toBe(fingerprint);
    expect(JSON.stringify(state)).not.toMatch(/a\.jsonl|secret/);
    const moved = named('b.jsonl');
    moved.resume(state);
    expect(await allOf(moved, 0)).toEqual((await allOf(named('c'), 0)).slice(1));
    const other = { ...state, content: 'other' };
    const refused = named('a');
    refused.resume(other);
    expect(await codeOf(() => allOf(refused, 0))).toMatch(
      /^checkpoint: .*expected a source with the fingerprint other/,
    );
    // a state of before November 2026
    const { content: _, ...old } = { ...state, settings: { ...state.settings, source: 'pairs(a.jsonl)' } };
    const going = named('b.jsonl');
    going.resume(old);
    expect((await allOf(going, 0)).length).toBe(4);
  });

  it('refuses a state of other options, another source, or no state', async () => {
    const state = makeLoader(pairs(someItems(20)), { seed: 1 }).state();
    expect(await codeOf(() => makeLoader(pairs(someItems(20)), { seed: 2 }).resume(state))).toMatch(
      /^checkpoint: .*expected seed 1, got seed 2/,
    );
    expect(await codeOf(() => makeLoader(pairs(someItems(21)), { seed: 1 }).resume(state))).toMatch(/size 20/);
    for (const wrong of [null, 3, {}, { ...state, planned: -1 }, { ...state, spares: [[1]] }]) {
      expect(await codeOf(() => makeLoader(pairs(someItems(20)), { seed: 1 }).resume(wrong))).toMatch(/^checkpoint/);
    }
  });
});
