import '@tensorflow/tfjs-backend-cpu';
import { Matrix } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { canonicalMaps } from './canonical.js';

beforeAll(() => tf.setBackend('cpu'));

/** Rows with two causes in common, hidden among noise of each side's own. */
function pairs(rows: number, wide: number, narrow: number) {
  let state = 1;
  const normal = () => {
    // Box and Muller, from Park and Miller's numbers
    const next = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    return Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
  };
  const image = new Float32Array(rows * wide);
  const text = new Float32Array(rows * narrow);
  for (let row = 0; row < rows; row++) {
    const causes = [normal(), normal()];
    for (let f = 0; f < wide; f++) image[row * wide + f] = normal() + (f < 2 ? 3 * causes[f]! : 0);
    for (let f = 0; f < narrow; f++) text[row * narrow + f] = normal() + (f < 2 ? 3 * causes[f]! : 0);
  }
  return { image: new Matrix(image, [rows, wide]), text: new Matrix(text, [rows, narrow]) };
}

const applied = (
  x: Matrix,
  { data, shape: [count, width] }: { data: ArrayLike<number>; shape: readonly [number, number] },
) =>
  Array.from({ length: x.shape[0] }, (_, row) =>
    Array.from({ length: count }, (_, d) =>
      x.row(row).reduce((sum, value, f) => sum + value * data[d * width + f]!, 0),
    ),
  );

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (of: readonly number[]) => of.reduce((sum, value) => sum + value, 0) / of.length;
  const [ma, mb] = [mean(a), mean(b)];
  const cross = mean(a.map((value, i) => (value - ma) * (b[i]! - mb)));
  const spread = (of: readonly number[], m: number) => Math.sqrt(mean(of.map((value) => (value - m) ** 2)));
  return cross / (spread(a, ma) * spread(b, mb));
}

describe('canonicalMaps', () => {
  it.each([
    ['more pairs than features', 400, 12, 8],
    ['fewer pairs than features', 60, 90, 8],
    ['captions wider than pictures', 400, 8, 12],
  ])('%s: finds what both sides share, and no more', async (_, rows, wide, narrow) => {
    const { image, text } = pairs(rows, wide, narrow);
    const maps = await canonicalMaps(image, text, { embedDim: 4, ridge: 0.3, power: 1 });
    expect([maps.image.shape, maps.text.shape]).toEqual([
      [4, wide],
      [4, narrow],
    ]);
    const unseen = pairs(2 * rows, wide, narrow);
    const [a, b] = [applied(unseen.image, maps.image), applied(unseen.text, maps.text)];
    const shared = [0, 1, 2].map((d) =>
      correlation(
        a.map((row) => row[d]!),
        b.map((row) => row[d]!),
      ),
    );
    // causes make up nine tenths of the first two features
    expect(shared[0]).toBeGreaterThan(0.7);
    expect(shared[1]).toBeGreaterThan(0.6);
    expect(Math.abs(shared[2]!)).toBeLessThan(shared[0]!);
  });

  it('weighs directions by their correlation to the power', async () => {
    const { image, text } = pairs(200, 6, 5);
    const [plain, weighed] = await Promise.all(
      [0, 1].map((power) => canonicalMaps(image, text, { embedDim: 3, ridge: 1, power })),
    );
    for (const side of ['image', 'text'] as const) {
      const width = plain![side].shape[1];
      for (let i = 0; i < 3 * width; i++) {
        const expected = plain![side].data[i]! * plain!.correlations[Math.floor(i / width)]!;
        expect(weighed![side].data[i]).toBeCloseTo(expected, 4);
      }
    }
  });

  it('does without a feature that never changes', async () => {
    const { image, text } = pairs(50, 5, 4);
    const flat = new Matrix(
      image.data.map((value, i) => (i % 5 === 4 ? 0 : value)),
      image.shape,
    );
    const maps = await canonicalMaps(flat, text, { embedDim: 2, ridge: 1, power: 1 });
    expect(maps.image.data.every(Number.isFinite)).toBe(true);
  });
});
