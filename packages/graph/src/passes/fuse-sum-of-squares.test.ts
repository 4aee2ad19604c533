import { describe, expect, it } from 'vitest';
import { Builder } from '../builder.js';
import { extractProgram } from '../program.js';
import { Value } from '../value.js';
import { fuseSumOfSquares } from './fuse-sum-of-squares.js';

const b = new Builder();
const sum = (x: Value, axes: number[], shape: number[]) =>
  b.emit('Sum', [x], { axes, keepDims: false }, shape, x.dtype);
const operations = (...outputs: Value[]) => fuseSumOfSquares(extractProgram(outputs)).nodes.map(({ op }) => op);

describe('fuseSumOfSquares', () => {
  it('takes a sum over all axes and drops the squares', () => {
    expect(operations(sum(b.unary('Square', new Value([2, 3], 'float32')), [0, 1], []))).toEqual(['SumOfSquares']);
  });

  it('keeps squares that something else reads', () => {
    const squares = b.unary('Square', new Value([2, 3], 'float32'));
    expect(operations(sum(squares, [0, 1], []), b.unary('Exp', squares))).toEqual(['SumOfSquares', 'Square', 'Exp']);
  });

  it.each([
    ['sums along some axes', sum(b.unary('Square', new Value([2, 3], 'float32')), [1], [2])],
    ['whole numbers', sum(b.unary('Square', new Value([3], 'int32')), [0], [])],
    ['sums of something else', sum(b.unary('Exp', new Value([3], 'float32')), [0], [])],
  ])('leaves %s alone', (_, output) => {
    expect(operations(output).at(-1)).toBe('Sum');
  });
});
