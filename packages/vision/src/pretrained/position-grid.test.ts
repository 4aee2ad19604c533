import { encodeSafetensors, parseSafetensors } from '@diptych/weights';
import { expect, it } from 'vitest';
import { resampleGrid, withPositionGrid } from './position-grid.js';

const opened = (rows: number, width = 2) =>
  parseSafetensors(
    encodeSafetensors({
      pos: {
        dtype: 'float32',
        shape: [1, rows, width],
        data: Float32Array.from({ length: rows * width }, (_, i) => i),
      },
      other: { dtype: 'float32', shape: [1], data: Float32Array.of(3) },
    }),
    'file',
  );

it('keeps what is constant and what is linear away from the edges', () => {
  expect(Array.from(resampleGrid(new Float32Array(9).fill(2), 3, 5, 1))).toEqual(new Array(25).fill(2));
  const ramp = Float32Array.from({ length: 64 }, (_, i) => i % 8);
  const wide = resampleGrid(ramp, 8, 16, 1);
  for (let i = 4; i < 12; i++) expect(wide[16 * 8 + i]).toBeCloseTo((i + 0.5) / 2 - 0.5, 5);
});

it('resizes the grid and leaves the class token and other tensors alone', () => {
  const tensors = withPositionGrid(opened(5), { adapter: {}, target: 'pos', prefix: 1, gridSize: 4 });
  expect(tensors.infos.get('pos')!.shape).toEqual([1, 17, 2]);
  const { data, shape } = tensors.read('pos');
  expect(shape).toEqual([1, 17, 2]);
  expect(Array.from(data.subarray(0, 2))).toEqual([0, 1]);
  expect(tensors.read('other').data[0]).toBe(3);
});

it('gives the same collection where the grid fits or the table is missing', () => {
  const tensors = opened(5);
  expect(withPositionGrid(tensors, { adapter: {}, target: 'pos', prefix: 1, gridSize: 2 })).toBe(tensors);
  expect(withPositionGrid(tensors, { adapter: {}, target: 'none', prefix: 1, gridSize: 3 })).toBe(tensors);
});

it('refuses positions that are no square', () => {
  const resize = () => withPositionGrid(opened(7), { adapter: {}, target: 'pos', prefix: 1, gridSize: 3 });
  expect(resize).toThrow('tensor "pos": expected positions of a square grid after 1 of the class token, got 7 rows');
});
