import { describe, expect, it } from 'vitest';
import { permutation, plainSample, SampleRandom, shuffle } from './index.js';

describe('permutation', () => {
  it('holds every number once and depends on seed, epoch and site alone', () => {
    const order = permutation(50, 3, 1, 'test/a');
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(permutation(50, 3, 1, 'test/a')).toEqual(order);
    for (const other of [
      permutation(50, 4, 1, 'test/a'),
      permutation(50, 3, 2, 'test/a'),
      permutation(50, 3, 1, 'b'),
    ]) {
      expect(other).not.toEqual(order);
    }
    expect(permutation(0, 0, 0, 'none')).toHaveLength(0);
  });

  it('gives all orders equally often', () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const key = permutation(3, seed, 0, 'test').join('');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe('shuffle', () => {
  it('reorders a list in place', () => {
    const list = ['a', 'b', 'c', 'd'];
    expect(shuffle(list, new SampleRandom(plainSample, 1))).toBe(list);
    expect([...list].sort()).toEqual(['a', 'b', 'c', 'd']);
  });
});
