import type { LoweringTable } from './emitter.js';

/** Matrix products. */
export const MATMUL: LoweringTable = {
  BatchMatMul: (e, [a, b], { attrs }) => e.matmul(a!, b!, attrs.transposeA as boolean, attrs.transposeB as boolean),
};
