import { describe, expect, it } from 'vitest';
import { fakeImage } from '../../test/fake-parts.js';
import { readAll } from '../../test/read-all.js';
import { collect } from './collect.js';
import { iterable } from './iterable.js';
import { mix } from './mix.js';
import { pairs } from './pairs.js';

const some = (name: string, count: number) =>
  pairs(
    Array.from({ length: count }, (_, i) => ({ image: fakeImage(0), text: `${name} ${i}`, id: String(i) })),
    { name },
  );
const big = some('big', 3000);
const small = some('small', 100);

describe('mix', () => {
  it('draws by weight until the first source is used up', async () => {
    const { records } = await readAll(
      mix([
        { source: big, weight: 1 },
        { source: small, weight: 1 },
      ]),
      { shuffle: true },
    );
    const ofSmall = records.filter(({ text }) => String(text).startsWith('small')).length;
    expect(ofSmall).toBeGreaterThan(60);
    expect(Math.abs(records.length - 2 * ofSmall)).toBeLessThan(70);
    expect(new Set(records.map(({ item }) => item)).size).toBe(records.length);
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
  });

  it('repeats the smaller ones until all were used up, in other orders', async () => {
    const source = mix(
      [
        { source: big, weight: 3 },
        { source: small, weight: 1 },
      ],
      { until: 'all' },
    );
    const { records } = await readAll(source, { shuffle: true, seed: 4 });
    const bigs = records.filter(({ text }) => String(text).startsWith('big'));
    const smalls = records.filter(({ text }) => String(text).startsWith('small'));
    expect(new Set(bigs.map(({ text }) => text)).size).toBe(3000);
    expect(bigs.length).toBe(3000);
    expect(smalls.length).toBeGreaterThan(800);
    const passes = [0, 1].map((pass) => smalls.filter((record) => record.pass === pass).map(({ text }) => text));
    expect(passes[0]!.length).toBe(100);
    expect(passes[0]).not.toEqual(passes[1]);
    expect((await readAll(source, { shuffle: true, seed: 4 })).records).toEqual(records);
  });

  it('ends with empty sources, and refuses weights that are not positive', async () => {
    expect((await readAll(mix([{ source: pairs([]), weight: 1 }], { until: 'all' }))).records).toEqual([]);
    const half = mix(
      [
        { source: pairs([]), weight: 1 },
        { source: small, weight: 1 },
      ],
      { until: 'all' },
    );
    expect((await readAll(half)).records.length).toBe(100);
    expect(() => mix([])).toThrow('at least one source');
    expect(() => mix([{ source: small, weight: 0 }])).toThrow('a positive weight of small');
  });
});

describe('collect', () => {
  it('makes a stream a source with a size and a whole shuffle', async () => {
    const stream = iterable(() =>
      Array.from({ length: 50 }, (_, i) => ({ image: fakeImage(i), text: i === 7 ? '' : `t${i}` })),
    );
    await expect(collect(stream)).rejects.toMatchObject({ reason: 'empty-caption' });
    const bad: string[] = [];
    const source = await collect(stream, { onBad: ({ reason }) => bad.push(reason) });
    expect(bad).toEqual(['empty-caption']);
    expect(source.size).toBe(49);
    const { records } = await readAll(source, { shuffle: true });
    expect(records.map(({ item }) => item)).not.toEqual((await readAll(source)).records.map(({ item }) => item));
    expect(new Set(records.map(({ item }) => item)).size).toBe(49);
  });
});
