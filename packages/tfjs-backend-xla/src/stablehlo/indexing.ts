import type { HloBuilder } from './operations.js';
import { int64Array, list } from './operations.js';
import type { HloValue } from './types.js';

/**
 * Rows of a table: `x` along `axis` at the places that `indices` names, of any shape, in place of the axis. Places out of range
 * are moved to the nearest.
 */
export function take(b: HloBuilder, x: HloValue, indices: HloValue, axis: number): HloValue {
  const before = x.shape.slice(0, axis);
  const after = x.shape.slice(axis + 1);
  const shape = [...before, ...indices.shape, ...after];
  const offsets = [...before.keys(), ...[...after.keys()].map((i) => axis + indices.rank + i)];
  const numbers = [
    `offset_dims = ${list(offsets)}`,
    `collapsed_slice_dims = ${list([axis])}`,
    `start_index_map = ${list([axis])}`,
    `index_vector_dim = ${indices.rank}`,
  ];
  const sizes = x.shape.map((dimension, i) => (i === axis ? 1 : dimension));
  return gather(b, x, indices, shape, numbers, sizes);
}

/** Slices of `x` whose leading coordinates are the last axis of `indices`; places out of range are moved to the nearest. */
export function takeAt(b: HloBuilder, x: HloValue, indices: HloValue): HloValue {
  const depth = indices.shape.at(-1)!;
  const places = indices.shape.slice(0, -1);
  const rest = x.shape.slice(depth);
  const leading = Array.from({ length: depth }, (_, i) => i);
  const numbers = [
    `offset_dims = ${list([...rest.keys()].map((i) => places.length + i))}`,
    `collapsed_slice_dims = ${list(leading)}`,
    `start_index_map = ${list(leading)}`,
    `index_vector_dim = ${indices.rank - 1}`,
  ];
  const sizes = x.shape.map((dimension, i) => (i < depth ? 1 : dimension));
  return gather(b, x, indices, [...places, ...rest], numbers, sizes);
}

function gather(
  b: HloBuilder,
  x: HloValue,
  indices: HloValue,
  shape: readonly number[],
  numbers: readonly string[],
  sizes: readonly number[],
): HloValue {
  const attributes = [
    `dimension_numbers = #stablehlo.gather<${numbers.join(', ')}>`,
    'indices_are_sorted = false',
    `slice_sizes = ${int64Array(sizes)}`,
  ];
  return b.generic('stablehlo.gather', [x, indices], [{ shape, elementType: x.elementType }], attributes)[0]!;
}

/** Adds rows of `updates` to those of `x` that `indices`, a vector, names; rows out of range are passed over. */
export function scatterAddRows(b: HloBuilder, x: HloValue, indices: HloValue, updates: HloValue): HloValue {
  const numbers = [
    `update_window_dims = ${list(x.shape.slice(1).map((_, i) => i + 1))}`,
    'inserted_window_dims = [0]',
    'scatter_dims_to_operand_dims = [0]',
    'index_vector_dim = 1',
  ];
  const attributes = [
    'indices_are_sorted = false',
    `scatter_dimension_numbers = #stablehlo.scatter<${numbers.join(', ')}>`,
    'unique_indices = false',
  ];
  const scalar = { shape: [], elementType: x.elementType };
  const body = b.region([scalar, scalar], (left, right) => [b.add(left!, right!)]);
  return b.generic('stablehlo.scatter', [x, indices, updates], [x], attributes, [body])[0]!;
}
