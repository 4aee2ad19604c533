import { expect, test } from 'vitest';
import { spinningFor } from './spinning.js';

test('threads spin where the cores are theirs', () => {
  expect(spinningFor(0, 2)).toEqual({});
  expect(spinningFor(2.4, 2)).toEqual({});
});

test('threads sleep between operators where other programs want the cores', () => {
  expect(spinningFor(6, 2)).toEqual({ 'session.intra_op.allow_spinning': '0' });
});
