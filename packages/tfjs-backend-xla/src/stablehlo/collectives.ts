import type { HloBuilder } from './operations.js';
import { list } from './operations.js';
import type { HloValue } from './types.js';

/** All replicas as one group: `[[0, 1, 2]]`. */
const oneGroup = (replicas: number) =>
  `replica_groups = dense<${list([list(Array.from({ length: replicas }, (_, i) => i))])}> : tensor<1x${replicas}xi64>`;

/** The same on every replica: the sum, or another fold, of what each has. */
export function allReduce(b: HloBuilder, x: HloValue, replicas: number, operation = 'add'): HloValue {
  const scalar = { shape: [], elementType: x.elementType };
  const body = b.region([scalar, scalar], (left, right) => [b.binary(operation, left!, right!)]);
  return b.generic('stablehlo.all_reduce', [x], [x], [oneGroup(replicas)], [body])[0]!;
}

/** What all replicas have, joined along an axis in their order. */
export function allGather(b: HloBuilder, x: HloValue, replicas: number, axis: number): HloValue {
  const shape = x.shape.map((dimension, i) => (i === axis ? dimension * replicas : dimension));
  const attributes = [`all_gather_dim = ${axis} : i64`, oneGroup(replicas)];
  return b.generic('stablehlo.all_gather', [x], [{ shape, elementType: x.elementType }], attributes)[0]!;
}

/** The fold of what all replicas have, of which each keeps its part along an axis. */
export function reduceScatter(b: HloBuilder, x: HloValue, replicas: number, axis: number): HloValue {
  const shape = x.shape.map((dimension, i) => (i === axis ? dimension / replicas : dimension));
  const scalar = { shape: [], elementType: x.elementType };
  const body = b.region([scalar, scalar], (left, right) => [b.add(left!, right!)]);
  const attributes = [oneGroup(replicas), `scatter_dimension = ${axis} : i64`];
  return b.generic('stablehlo.reduce_scatter', [x], [{ shape, elementType: x.elementType }], attributes, [body])[0]!;
}

/** The number of this replica, a scalar of ui32. */
export function replicaId(b: HloBuilder): HloValue {
  return b.emit({ text: 'stablehlo.replica_id', types: 'result', operands: [] }, { shape: [], elementType: 'ui32' });
}
