import { expect, it } from 'vitest';
import { isLent, lend } from './lend.js';

it('marks the array that it is given, and no other', () => {
  const data = new Float32Array(4);
  expect(isLent(data)).toBe(false);
  expect(lend(data)).toBe(data);
  expect(isLent(data)).toBe(true);
  expect(isLent(data.slice())).toBe(false);
});
