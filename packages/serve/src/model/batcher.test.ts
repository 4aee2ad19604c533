import { InputError } from '@diptych/core';
import { expect, it } from 'vitest';
import { Batcher } from './batcher.js';

function slow(sizes: number[], run = (item: number) => item * 2) {
  return new Batcher<number, number>(
    async (items) => {
      sizes.push(items.length);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return items.map(run);
    },
    { maxBatch: 4, maxWaiting: 10 },
  );
}

it('makes a batch of what comes while another is under way', async () => {
  const sizes: number[] = [];
  const batcher = slow(sizes);
  const first = batcher.add([1]);
  await new Promise((resolve) => setTimeout(resolve, 2));
  const others = Promise.all([batcher.add([2]), batcher.add([3, 4]), batcher.add([5, 6])]);
  expect(await first).toEqual([2]);
  expect(await others).toEqual([[4], [6, 8], [10, 12]]);
  expect(sizes).toEqual([1, 4, 1]);
});

it('fails the item that is wrong, and drops those that nobody waits for', async () => {
  const batcher = slow([], (item) => {
    if (item === 3) throw new InputError({ where: 'item 3', problem: 'broken' });
    return item;
  });
  const settled = await Promise.allSettled([batcher.add([1]), batcher.add([2, 3]), batcher.add([4])]);
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  const gone = AbortSignal.abort(new Error('gone'));
  await expect(batcher.add([1], gone)).rejects.toThrow('gone');
  expect(await batcher.add([7])).toEqual([7]);
});

it('refuses more than may wait', async () => {
  const batcher = slow([]);
  const first = batcher.add([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  await expect(batcher.add([11])).rejects.toMatchObject({ status: 429 });
  expect(await first).toHaveLength(10);
});
