import { expect, it } from 'vitest';
import type { Pair } from '../data/pair.js';
import { batchSizeFor } from './batch-size.js';

const pairs = Array.from({ length: 3700 }, (_, i): Pair => ({ id: `${i}`, group: `${i}`, image: 'a.png', text: 'a' }));
const of = (train: number, heldOut: number) => {
  const warnings: string[] = [];
  const settings = {
    largest: 256,
    where: 'mine.jsonl',
    notUsable: '3 missing-file',
    warn: (message: string) => void warnings.push(message),
  };
  return { size: batchSizeFor(pairs.slice(0, train), pairs.slice(0, heldOut), settings), warnings };
};

it('takes all pairs into a batch where they are fewer than the recipe has', () => {
  expect(of(3000, 700)).toEqual({ size: 256, warnings: [] });
  expect(of(80, 20)).toEqual({ size: 80, warnings: [] });
});

it('says what to expect of very few, and refuses what no loss can contrast', () => {
  const { size, warnings } = of(20, 5);
  expect(size).toBe(20);
  expect(warnings[0]).toContain('only 20 pairs to train on');
  expect(() => of(1, 5)).toThrow(
    'mine.jsonl: expected at least 2 pairs to train on and 2 to hold out, got 1 and 5, and not usable: 3 missing-file',
  );
});
