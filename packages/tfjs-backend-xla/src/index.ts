import { registerDefault } from './register.js';

export { XlaBackend, type XlaStats } from './backend.js';
export {
  canLower,
  type LoweredProgram,
  type LowerOptions,
  lowerProgram,
  optimize,
  type Platform,
  type TensorSpec,
} from './lowering/index.js';
export type { XlaOptions, XlaPrecision } from './options.js';
export { type DataParallelOptions, type DataParallelProgram, dataParallel } from './parallel/index.js';
export { BACKEND_NAME, useXla } from './register.js';

registerDefault();
