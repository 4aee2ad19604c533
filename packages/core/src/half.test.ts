import { describe, expect, it } from 'vitest';
import { bfloat16ToFloat32, float32ToBfloat16, float32ToFloat16, makeHalfTable } from './half.js';

describe('float16', () => {
  const table = makeHalfTable();

  it('decodes the landmarks of IEEE 754 binary16', () => {
    expect(table[0x3c00]).toBe(1);
    expect(table[0xc000]).toBe(-2);
    expect(table[0x7bff]).toBe(65504);
    expect(table[0x0400]).toBe(2 ** -14);
    expect(table[0x0001]).toBe(2 ** -24);
    expect(Object.is(table[0x8000], -0)).toBe(true);
    expect(table[0x7c00]).toBe(Number.POSITIVE_INFINITY);
    expect(table[0x7e00]).toBeNaN();
  });

  it('encodes every number that it decodes back to the same word', () => {
    const words = float32ToFloat16(table);
    for (let word = 0; word < 0x10000; word++) {
      if (Number.isNaN(table[word])) expect(table[words[word]!]).toBeNaN();
      else expect(words[word]).toBe(word);
    }
  });

  it('rounds to nearest, ties to even', () => {
    const encode = (value: number) => table[float32ToFloat16(Float32Array.of(value))[0]!];
    expect(encode(2049)).toBe(2048);
    expect(encode(2051)).toBe(2052);
    expect(encode(2049.001)).toBe(2050);
    expect(encode(65519)).toBe(65504);
    expect(encode(65520)).toBe(Number.POSITIVE_INFINITY);
    expect(encode(2 ** -25)).toBe(0);
    expect(encode(2 ** -25 * 1.001)).toBe(2 ** -24);
    expect(encode(1e-30)).toBe(0);
  });
});

describe('bfloat16', () => {
  const roundTrip = (value: number) => {
    const target = new Float32Array(1);
    bfloat16ToFloat32(float32ToBfloat16(Float32Array.of(value)), target);
    return target[0];
  };

  it('rounds to nearest, ties to even', () => {
    expect(roundTrip(1)).toBe(1);
    expect(roundTrip(257)).toBe(256);
    expect(roundTrip(259)).toBe(260);
    expect(roundTrip(257.01)).toBe(258);
    expect(roundTrip(Number.NaN)).toBeNaN();
    expect(roundTrip(-3.39e38)).toBe(Math.fround(-3.3895313892515355e38));
    expect(roundTrip(3.4028234663852886e38)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('float16 of single numbers', () => {
  it.each([
    [1, 0x3c00],
    [-2, 0xc000],
    [0.5 + 2 ** -12, 0x3800], // a tie goes to the even one
    [0.5 + 3 * 2 ** -12, 0x3802],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [3 * 2 ** -25, 0x0002],
    [0, 0],
    [1023.9999 * 2 ** -24, 0x0400],
    [16_383, 0x7400],
  ])('of %s', (value, bits) => {
    expect(float32ToFloat16(Float32Array.of(value))[0]).toBe(bits);
  });
});
