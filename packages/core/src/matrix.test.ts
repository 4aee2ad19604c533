import { describe, expect, it } from 'vitest';
import { checkMatrix, Matrix, ShapeError, takeRows } from './index.js';

const matrix = new Matrix(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]);

describe('Matrix', () => {
  it('gives rows as views, and all of it as arrays', () => {
    expect([...matrix.row(1)]).toEqual([3, 4]);
    expect(matrix.row(0).buffer).toBe(matrix.data.buffer);
    expect(matrix.toArray()).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(() => new Matrix(new Float32Array(5), [3, 2])).toThrow(ShapeError);
  });

  it('puts parts below each other', () => {
    const both = Matrix.concat([matrix, { data: Float32Array.of(7, 8), shape: [1, 2] }]);
    expect(both.toArray()).toEqual([...matrix.toArray(), [7, 8]]);
    expect(Matrix.concat([]).shape).toEqual([0, 0]);
    expect(() => Matrix.concat([matrix, { data: new Float32Array(3), shape: [1, 3] }])).toThrow(/shape \[N,2\]/);
  });

  it('takes rows of anything laid out like it', () => {
    expect(takeRows({ data: matrix.data, shape: [2, 3] }, [1, 1, 0]).toArray()).toEqual([
      [4, 5, 6],
      [4, 5, 6],
      [1, 2, 3],
    ]);
    expect(() => checkMatrix('here', 'the rows', matrix, 4)).toThrow(/the rows of shape \[N,4\]/);
  });
});
