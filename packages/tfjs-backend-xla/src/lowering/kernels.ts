import { AdamW } from './adamw.js';
import { ATTENTION } from './attention.js';
import { COLLECTIVE } from './collective.js';
import { CONVOLUTION } from './convolution.js';
import { ELEMENTWISE } from './elementwise.js';
import type { LoweringTable } from './emitter.js';
import { INDEXING } from './indexing.js';
import { MATMUL } from './matmul.js';
import { NORMALIZATION } from './normalization.js';
import { POOLING } from './pooling.js';
import { RANDOM } from './random.js';
import { REDUCTION } from './reduction.js';
import { SHAPE } from './shape.js';

/** Every kernel that has a form in StableHLO. */
export const LOWERINGS: LoweringTable = {
  ...ELEMENTWISE,
  ...REDUCTION,
  ...SHAPE,
  ...INDEXING,
  ...MATMUL,
  ...CONVOLUTION,
  ...POOLING,
  ...NORMALIZATION,
  ...RANDOM,
  ...COLLECTIVE,
  ...ATTENTION,
  AdamW,
};
