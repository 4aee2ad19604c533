import '@tensorflow/tfjs-backend-cpu';
import { Matrix } from '@diptych/core';
import { embedPairs, FeatureSet, MultiModalEncoder } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { FeatureScale } from './feature-scale.js';
import { viewsSource } from './views-source.js';

beforeAll(() => tf.setBackend('cpu'));

const rows = 12;
const matrix = (width: number, value: (row: number, column: number) => number) =>
  new Matrix(
    Float32Array.from({ length: rows * width }, (_, i) => value(Math.floor(i / width), i % width)),
    [rows, width],
  );
const features = () =>
  new FeatureSet(
    matrix(5, (row, column) => 100 * column + (column + 1) * Math.sin(7 * row + column)),
    matrix(3, (row, column) => (column === 2 ? 4 : Math.cos(3 * row + column))),
    Array.from({ length: rows }, (_, i) => String(i)),
  );

it('puts every entry at mean 0 and deviation 1, and one that never changes at 0', () => {
  const { image, text } = new FeatureScale(features()).apply(features());
  const column = (of: Matrix, c: number) => Array.from({ length: rows }, (_, row) => of.row(row)[c]!);
  for (let c = 0; c < 5; c++) {
    const values = column(image as Matrix, c);
    expect(values.reduce((sum, value) => sum + value, 0) / rows).toBeCloseTo(0, 4);
    expect(values.reduce((sum, value) => sum + value ** 2, 0) / rows).toBeCloseTo(1, 3);
  }
  expect(column(text as Matrix, 2)).toEqual(Array.from({ length: rows }, () => 0));
});

it('folds into heads: they give for the towers’ own features what they gave for scaled ones', async () => {
  const own = features();
  const scale = new FeatureScale(own);
  const sides = { image: own.imageHead({ embedDim: 4, seed: 1 }), text: own.textHead({ embedDim: 4, seed: 2 }) };
  const heads = new MultiModalEncoder(sides);
  const inOrder = { batchSize: rows, shuffle: false, dropLast: false };
  const before = await embedPairs(heads, scale.apply(own).source(inOrder), { normalize: false });
  scale.fold(sides);
  const after = await embedPairs(heads, own.source(inOrder), { normalize: false });
  for (const side of ['image', 'text'] as const) {
    for (const [i, value] of before[side].data.entries()) expect(after[side].data[i]).toBeCloseTo(value, 3);
  }
});

it('shows every row once an epoch, and every view of it in turn', () => {
  const [first, second] = [features(), features()];
  const shifted = new FeatureSet(
    matrix(5, (row) => 1000 + row),
    second.text,
    second.ids,
  );
  const source = viewsSource([first, shifted], 4, 0);
  const seen = [0, 1].map((epoch) => [
    ...(source.epoch(epoch) as Iterable<{ ids: readonly string[]; pixels: { data: ArrayLike<number> } }>),
  ]);
  for (const epoch of seen) expect(new Set(epoch.flatMap(({ ids }) => ids)).size).toBe(rows);
  const isShifted = (epoch: number) =>
    new Map(seen[epoch]!.flatMap(({ ids, pixels }) => ids.map((id, i) => [id, pixels.data[5 * i]! >= 1000] as const)));
  const [one, other] = [isShifted(0), isShifted(1)];
  for (const [id, shiftedThen] of one) expect(other.get(id)).toBe(!shiftedThen);
});
