import '@tensorflow/tfjs-backend-cpu';
import { expect, it } from 'vitest';
import { rankExamples } from './examples.js';

it('picks who is found first, who last, and the same ones each time', async () => {
  // picture i lies at angle i; the captions of 0 and 1 are exact, that of 2 lies with picture 0, that of 3 is the caption of 0 again
  const at = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const rows = (degrees: readonly number[]) => ({
    data: Float32Array.from(degrees.flatMap(at)),
    shape: [degrees.length, 2] as const,
  });
  const { of, best, worst, followed } = await rankExamples(
    {
      image: rows([0, 40, 90, 170]),
      text: rows([0, 44, 2, 0]),
      ids: ['a', 'b', 'c', 'd'],
      captions: ['x', 'y', 'z', 'x'],
    },
    { count: 2, found: 2 },
  );
  expect(of).toBe(4);
  expect(best.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(worst.map(({ id, rank, row }) => [id, rank, row])).toEqual([['c', 3, 2]]);
  expect(worst[0]!.found.map(({ id }) => id)).toEqual(['a', 'b']);
  expect(worst[0]!.score).toBeCloseTo(Math.cos((88 * Math.PI) / 180), 5);
  expect(followed.map(({ id, rank }) => [id, rank])).toEqual([
    ['a', 1],
    ['c', 3],
  ]);
});
