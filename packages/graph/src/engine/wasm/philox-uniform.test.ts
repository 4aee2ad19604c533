import { philox4x32, wordToUniform } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { createPhiloxUniform } from './philox-uniform.js';

const uniform = createPhiloxUniform();

/** The definition, from core's plain implementation (which is tested against the Random123 vectors). */
function expected(rows: number, rowSize: number, seed: number, step: number, rowOffset: number, site: number) {
  return Float32Array.from({ length: rows * rowSize }, (_, at) => {
    const i = at % rowSize;
    const row = rowOffset + Math.floor(at / rowSize);
    return wordToUniform(philox4x32([i >>> 2, row, step >>> 0, site], [seed >>> 0, 0])[i & 3]!);
  });
}

describe('createPhiloxUniform', () => {
  it('gives the known answer of Random123 for counter 0 and key 0', () => {
    const out = new Float32Array(4);
    uniform(out, 1, 4, 0, 0, 0, 0);
    const words = [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8];
    expect([...out]).toEqual(words.map((word) => (word >>> 8) * 2 ** -24));
  });

  it.each([
    [1, 1],
    [3, 1],
    [5, 7],
    [2, 16],
    [4, 33],
    [1, 65536],
    [2, 65537],
    [1, 200_003],
    [70_001, 1],
    [700, 300],
  ])('matches the definition for %i rows of %i', (rows, rowSize) => {
    const out = new Float32Array(rows * rowSize).fill(-1);
    uniform(out, rows, rowSize, 1234, 77, 4000, 0xdeadbeef);
    expect(out).toEqual(expected(rows, rowSize, 1234, 77, 4000, 0xdeadbeef));
  });

  it('takes all 32 bits of seed, step, row and site', () => {
    const out = new Float32Array(8);
    uniform(out, 2, 4, -5, 0xffffffff, 2 ** 31 - 1, 0x80000001);
    expect(out).toEqual(expected(2, 4, -5, 0xffffffff, 2 ** 31 - 1, 0x80000001));
  });

  it('gives the same rows however the batch is cut', () => {
    const whole = new Float32Array(6 * 50);
    uniform(whole, 6, 50, 1, 2, 10, 3);
    const part = new Float32Array(2 * 50);
    uniform(part, 2, 50, 1, 2, 13, 3);
    expect(part).toEqual(whole.subarray(150, 250));
  });

  it.each([
    [1, 5],
    [3, 70_001],
  ])('makes dropout masks of %i rows of %i', (rows, rowSize) => {
    const [numbers, mask] = [new Float32Array(rows * rowSize), new Float32Array(rows * rowSize)];
    uniform(numbers, rows, rowSize, 1, 2, 3, 4);
    // a number that is drawn is at least itself
    const threshold = numbers[4]!;
    uniform(mask, rows, rowSize, 1, 2, 3, 4, { mask: { threshold, scale: 1 / 0.9 } });
    expect(mask[4]).toBe(Math.fround(1 / 0.9));
    expect(mask).toEqual(numbers.map((x) => (x >= threshold ? 1 / 0.9 : 0)));
  });

  it.each([
    [3, 2, { every: 12, begin: 0, end: 4 }],
    [2, 3, { every: 7, begin: 5, end: 6 }],
    [5, 4, { every: 33, begin: 3, end: 21 }],
    [2, 2, { every: 80_001, begin: 2, end: 70_003 }],
    [40_000, 1, { every: 9, begin: 7, end: 9 }],
  ])('draws a part of the numbers of %i rows of %i times %o', (rows, segments, picks) => {
    const { every, begin, end } = picks;
    const whole = new Float32Array(rows * segments * every);
    uniform(whole, rows, segments * every, 1, 2, 3, 4);
    const part = new Float32Array(rows * segments * (end - begin));
    uniform(part, rows, segments * (end - begin), 1, 2, 3, 4, { picks });
    expect(part).toEqual(whole.filter((_, i) => i % every >= begin && i % every < end));
  });

  it('writes into a view and nothing beside it', () => {
    const buffer = new Float32Array(20).fill(-1);
    uniform(buffer.subarray(5, 12), 1, 7, 0, 0, 0, 0);
    expect(buffer.findIndex((x) => x >= 0)).toBe(5);
    expect(buffer.findLastIndex((x) => x >= 0)).toBe(11);
  });

  it('accepts no rows, and refuses an array of another size', () => {
    uniform(new Float32Array(0), 0, 5, 0, 0, 0, 0);
    expect(() => uniform(new Float32Array(3), 2, 2, 0, 0, 0, 0)).toThrow(/expected 2 \* 2 floats, got 3/);
  });
});
