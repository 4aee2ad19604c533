import type { HloBuilder } from './operations.js';
import { int64Array, list } from './operations.js';
import type { HloValue, TensorType } from './types.js';

const scalarOf = ({ elementType }: TensorType): TensorType => ({ shape: [], elementType });

/** Folds axes by a binary operation, such as `add` or `maximum`; they go away. `initial` is neutral to it. */
export function reduce(
  b: HloBuilder,
  operation: string,
  x: HloValue,
  axes: readonly number[],
  initial: number | bigint,
): HloValue {
  if (axes.length === 0) return x;
  const start = b.scalar(initial, x.elementType);
  const shape = x.shape.filter((_, axis) => !axes.includes(axis));
  const text = `stablehlo.reduce(${x.name} init: ${start.name}) applies stablehlo.${operation} across dimensions = ${list(axes)}`;
  return b.emit({ text, types: 'signature', operands: [x, start] }, { shape, elementType: x.elementType });
}

/** Folds axes of several tensors of one shape at once: `combine` gets one element of each on the left, and on the right. */
export function reduceTogether(
  b: HloBuilder,
  operands: readonly HloValue[],
  initial: readonly HloValue[],
  axes: readonly number[],
  combine: (left: readonly HloValue[], right: readonly HloValue[]) => readonly HloValue[],
): HloValue[] {
  const scalars = operands.map(scalarOf);
  const body = b.region([...scalars, ...scalars], (...args) =>
    combine(args.slice(0, operands.length), args.slice(operands.length)),
  );
  const shape = operands[0]!.shape.filter((_, axis) => !axes.includes(axis));
  const results = operands.map(({ elementType }) => ({ shape, elementType }));
  return b.generic(
    'stablehlo.reduce',
    [...operands, ...initial],
    results,
    [`dimensions = ${int64Array(axes)}`],
    [body],
  );
}

/** A window that slides over every axis. */
export interface SlidingWindow {
  readonly size: readonly number[];
  readonly strides: readonly number[];
  /** Before and after each axis; negative counts cut. */
  readonly padding: readonly (readonly [number, number])[];
  /** Steps between the elements of the operand, 1 for those that lie side by side. */
  readonly baseDilations?: readonly number[];
}

/** Folds what lies under each place of a window by a binary operation. */
export function reduceWindow(
  b: HloBuilder,
  operation: string,
  x: HloValue,
  initial: number,
  { size, strides, padding, baseDilations = size.map(() => 1) }: SlidingWindow,
): HloValue {
  const shape = x.shape.map((dimension, i) => {
    const length = dimension === 0 ? 0 : (dimension - 1) * baseDilations[i]! + 1;
    const room = length + padding[i]![0] + padding[i]![1] - size[i]!;
    return room < 0 ? 0 : Math.floor(room / strides[i]!) + 1;
  });
  const attributes = [
    `base_dilations = ${int64Array(baseDilations)}`,
    `padding = dense<${list(padding.map(list))}> : tensor<${padding.length}x2xi64>`,
    `window_dilations = ${int64Array(size.map(() => 1))}`,
    `window_dimensions = ${int64Array(size)}`,
    `window_strides = ${int64Array(strides)}`,
  ];
  const body = b.region([scalarOf(x), scalarOf(x)], (left, right) => [b.binary(operation, left!, right!)]);
  const operands = [x, b.scalar(initial, x.elementType)];
  return b.generic('stablehlo.reduce_window', operands, [{ shape, elementType: x.elementType }], attributes, [
    body,
  ])[0]!;
}

/** Sorts several tensors of one shape along an axis, in the order of the first, equal ones as they stood. */
export function sort(b: HloBuilder, operands: readonly HloValue[], axis: number, direction: 'LT' | 'GT'): HloValue[] {
  const pairs = operands.flatMap((x) => [scalarOf(x), scalarOf(x)]);
  const body = b.region(pairs, (left, right) => [b.compare(direction, left!, right!)]);
  return b.generic('stablehlo.sort', operands, operands, [`dimension = ${axis} : i64`, 'is_stable = true'], [body]);
}
