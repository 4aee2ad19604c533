import { describe, expect, it } from 'vitest';
import { denseText, elementText, splatText } from './literals';

describe('constants as text', () => {
  it('floats come back as they were, in few digits', () => {
    for (const [value, text] of [
      [0, '0.0'], [-0, '-0.0'], [1, '1.0'], [-1.5, '-1.5'], [0.1, '1.0e-1'], [1e-5, '1.0e-5'], [123456, '1.23456e5'], [2 ** 24 + 2, '1.6777218e7'],
    ] as const) {
      expect(elementText(value, 'f32')).toBe(text);
    } // biome-ignore format: a table
    const bits = new Uint32Array(2000).map((_, i) => Math.imul(i + 1, 2654435761));
    for (const value of new Float32Array(bits.buffer)) {
      if (Number.isFinite(value)) expect(Math.fround(Number(elementText(value, 'f32')))).toBe(value);
    }
    expect(elementText(1.401298464324817e-45, 'f32')).toBe('1.0e-45');
  });

  it('NaN, infinities and what overflows are bits', () => {
    const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e39];
    expect(special.map((value) => elementText(value, 'f32'))).toEqual([
      '0x7FC00000',
      '0x7F800000',
      '0xFF800000',
      '0x7F800000',
    ]);
    expect(special.slice(0, 3).map((value) => elementText(value, 'bf16'))).toEqual(['0x7FC0', '0x7F80', '0xFF80']);
  });

  it('integers wrap around as arrays do', () => {
    expect([elementText(2 ** 31, 'i32'), elementText(-1, 'ui32'), elementText(300, 'i8')]).toEqual([
      '-2147483648',
      '4294967295',
      '44',
    ]);
    expect([elementText(-1n, 'ui64'), elementText(2n ** 63n, 'i64')]).toEqual([
      '18446744073709551615',
      '-9223372036854775808',
    ]);
    expect([elementText(Number.NaN, 'i32'), elementText(1.9, 'i32'), elementText(-1.9, 'i32')]).toEqual([
      '0',
      '1',
      '-1',
    ]);
    expect([elementText(1, 'i1'), elementText(0, 'i1')]).toEqual(['true', 'false']);
  });

  it('few elements are lists, many are bytes', () => {
    expect(denseText([1, 2, 3, 4], { shape: [2, 2], elementType: 'i32' })).toBe(
      'dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>',
    );
    expect(denseText([1, 0], { shape: [2], elementType: 'i1' })).toBe('dense<[true, false]> : tensor<2xi1>');
    expect(denseText([7], { shape: [], elementType: 'f32' })).toBe('dense<7.0> : tensor<f32>');
    expect(denseText([], { shape: [0, 2], elementType: 'f32' })).toBe('dense<> : tensor<0x2xf32>');
    expect(splatText(1, { shape: [3], elementType: 'bf16' })).toBe('dense<1.0> : tensor<3xbf16>');
    const many = denseText(new Float32Array(40).fill(1), { shape: [40], elementType: 'f32' });
    expect(many).toBe(`dense<"0x${'0000803F'.repeat(40)}"> : tensor<40xf32>`);
    const narrow = denseText(new Float32Array(40).fill(1.00390625), { shape: [40], elementType: 'bf16' });
    expect(narrow).toBe(`dense<"0x${'803F'.repeat(40)}"> : tensor<40xbf16>`);
  });
});
