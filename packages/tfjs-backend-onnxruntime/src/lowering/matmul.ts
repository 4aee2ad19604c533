import type { Lowering, LoweringTable } from './emitter.js';

/** A transposed copy of the left operand is faster than a product that packs it by columns (docs/engine-notes.md). */
const BatchMatMul: Lowering = (e, [a, b], { attrs, inputs }) => {
  const rank = inputs[0]!.shape.length;
  const transposeB = attrs.transposeB as boolean;
  if (!attrs.transposeA || rank !== inputs[1]!.shape.length) {
    return e.matmul(a!, b!, attrs.transposeA as boolean, transposeB, [rank, inputs[1]!.shape.length]);
  }
  const axes = Array.from({ length: rank }, (_, i) => i);
  const perm = [...axes.slice(0, -2), rank - 1, rank - 2];
  return e.matmul(
    e.shared(`swap:${a}:${perm}`, () => e.transpose(a!, perm)),
    b!,
    false,
    transposeB,
  );
};

/** Matrix products. */
export const MATMUL: LoweringTable = { BatchMatMul };
