import type { Lowering, LoweringTable } from './emitter.js';

/** Matrices of fewer elements are not worth a transposed copy: ONNX Runtime's threads get one small matrix at a time. */
const TINY = 32 * 32;

/** A transposed copy of the left operand is faster than a product that packs it by columns (docs/engine-notes.md). */
const BatchMatMul: Lowering = (e, [a, b], { attrs, inputs }) => {
  const { shape } = inputs[0]!;
  const rank = shape.length;
  const transposeB = attrs.transposeB as boolean;
  const tiny = rank > 2 && shape.at(-1)! * shape.at(-2)! < TINY;
  if (!attrs.transposeA || tiny || e.portable || rank !== inputs[1]!.shape.length) {
    return e.matmul(a!, b!, attrs.transposeA as boolean, transposeB, [rank, inputs[1]!.shape.length]);
  }
  const axes = Array.from({ length: rank }, (_, i) => i);
  const perm = [...axes.slice(0, -2), rank - 1, rank - 2];
  return e.matmul(
    e.shared(`swap:${a}:${perm}`, () => e.transpose(a!, perm, shape)),
    b!,
    false,
    transposeB,
  );
};

/** Matrix products. */
export const MATMUL: LoweringTable = { BatchMatMul };
