import { CONVOLUTION } from './convolution.js';
import { ELEMENTWISE } from './elementwise.js';
import type { LoweringTable } from './emitter.js';
import { INDEXING } from './indexing.js';
import { MATMUL } from './matmul.js';
import { NORMALIZATION } from './normalization.js';
import { POOLING } from './pooling.js';
import { REDUCTION } from './reduction.js';
import { SHAPE } from './shape.js';

/** Every operation that has an ONNX form. */
export const LOWERINGS: LoweringTable = {
  ...ELEMENTWISE,
  ...REDUCTION,
  ...SHAPE,
  ...INDEXING,
  ...MATMUL,
  ...CONVOLUTION,
  ...POOLING,
  ...NORMALIZATION,
};
