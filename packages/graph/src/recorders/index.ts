import type { RecorderTable } from '../recorder.js';
import { COMPLEX } from './complex.js';
import { CONVOLUTION } from './convolution.js';
import { CUSTOM } from './custom.js';
import { ELEMENTWISE } from './elementwise.js';
import { INDEXING } from './indexing.js';
import { MATMUL } from './matmul.js';
import { NORMALIZATION } from './normalization.js';
import { POOLING } from './pooling.js';
import { REDUCTION } from './reduction.js';
import { SHAPE } from './shape.js';

/** Every tfjs kernel that can be recorded. */
export const RECORDERS: RecorderTable = {
  ...ELEMENTWISE,
  ...REDUCTION,
  ...SHAPE,
  ...INDEXING,
  ...MATMUL,
  ...CONVOLUTION,
  ...POOLING,
  ...NORMALIZATION,
  ...COMPLEX,
  ...CUSTOM,
};
