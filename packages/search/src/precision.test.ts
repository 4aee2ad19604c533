import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRow, encodeRow, type Precision, rowBytes } from './precision.js';

function roundTrip(precision: Precision, row: Float32Array): Float32Array {
  const stored = new Uint8Array(rowBytes(precision, row.length));
  const factor = encodeRow(precision, row, stored);
  const out = new Float32Array(row.length);
  decodeRow(precision, stored, Math.fround(factor), out);
  return out;
}

const rows = fc.array(fc.float({ min: Math.fround(-1e6), max: Math.fround(1e6), noNaN: true }), {
  minLength: 1,
  maxLength: 40,
});

describe('stored rows', () => {
  it('are the same in float32', () => {
    fc.assert(
      fc.property(rows, (row) => {
        expect([...roundTrip('float32', Float32Array.from(row))]).toEqual([...Float32Array.from(row)]);
      }),
    );
  });

  it.each([
    ['float16', 2 ** -11],
    ['int8', 1 / 254],
  ] as const)('differ in %s by at most the step of their largest number', (precision, step) => {
    fc.assert(
      fc.property(rows, (values) => {
        const row = Float32Array.from(values);
        const largest = Math.max(...row.map(Math.abs));
        const out = roundTrip(precision, row);
        for (let i = 0; i < row.length; i++) {
          // factors below the smallest float32 become 0
          expect(Math.abs(out[i]! - row[i]!)).toBeLessThanOrEqual(largest * step * 1.001 + 1e-42);
        }
      }),
    );
  });

  it.each([1e-40, 1e-30, 1e30, 3e38])('keep a row of size %s in float16', (size) => {
    const out = roundTrip('float16', Float32Array.of(size, -size / 2, size / 3));
    expect(out[0]! / Math.fround(size)).toBeCloseTo(1, 3);
    expect(out[1]! / Math.fround(size)).toBeCloseTo(-0.5, 3);
  });
});
