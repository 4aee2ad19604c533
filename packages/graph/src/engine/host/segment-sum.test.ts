import { describe, expect, it } from 'vitest';
import { addRows, SparseGradient } from './segment-sum.js';

const rows = (...values: number[]) => Float32Array.from(values);

describe('addRows', () => {
  it('adds rows of one id up and passes over ids out of range', () => {
    const sums = new Float32Array(6);
    addRows(sums, rows(1, 2, 3, 4, 5, 6, 7, 8), Int32Array.of(2, -1, 2, 3), 3);
    expect([...sums]).toEqual([0, 0, 0, 0, 6, 8]);
  });
});

describe('SparseGradient', () => {
  it('clears what it wrote before, and memory that was in use when it began', () => {
    const memory = rows(9, 9, 9, 9, 9, 9);
    const gradient = new SparseGradient(memory);
    expect(gradient.write(rows(1, 2, 3, 4), Int32Array.of(0, 2), 3)).toBe(memory);
    expect([...memory]).toEqual([1, 2, 0, 0, 3, 4]);
    gradient.write(rows(5, 6, 7, 8), Int32Array.of(1, 5), 3);
    expect([...memory]).toEqual([0, 0, 5, 6, 0, 0]);
  });
});
