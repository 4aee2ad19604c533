import { broadcastShapes } from '@diptych/graph';
import { dot, type HloValue } from '../stablehlo/index.js';
import type { Lowering, LoweringTable } from './emitter.js';
import { narrowed } from './precision.js';

/** The last two axes of an operand: the one that is summed over, and the other. */
const lastAxes = ({ rank }: HloValue, contractsLast: boolean) =>
  contractsLast ? { inner: rank - 1, outer: rank - 2 } : { inner: rank - 2, outer: rank - 1 };

/**
 * The product of the last two axes of each operand. A right operand without batches is multiplied with all rows of the left one as one
 * matrix; other batches are repeated until both have the same.
 */
const BatchMatMul: Lowering = (e, inputs, { attrs, outputs }) => {
  const [a, b] = inputs.map((x) => narrowed(e, x)) as [HloValue, HloValue];
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const isShared = b.size === b.shape.at(-1)! * b.shape.at(-2)! && !attrs.transposeA;
  const [left, right] = isShared
    ? [e.broadcastTo(a, [...batch, ...a.shape.slice(-2)]), e.reshape(b, b.shape.slice(-2))]
    : [a, b].map((x) => e.broadcastTo(x, [...batch, ...x.shape.slice(-2)]));
  const axes = [...batch.keys()];
  const inner = {
    left: [lastAxes(left!, !attrs.transposeA).inner],
    right: [lastAxes(right!, Boolean(attrs.transposeB)).inner],
  };
  const product = dot(e, left!, right!, {
    contracting: inner,
    ...(!isShared && batch.length > 0 && { batching: { left: axes, right: axes } }),
    precision: e.productPrecision,
    elementType: 'f32',
  });
  const result = e.reshape(product, outputs[0]!.shape);
  return e.isExact(outputs[0]!) ? result : narrowed(e, result);
};

/** Matrix products, summed in float32. */
export const MATMUL: LoweringTable = { BatchMatMul };
