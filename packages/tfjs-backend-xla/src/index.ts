export {
  canLower,
  type LoweredProgram,
  type LowerOptions,
  lowerProgram,
  optimize,
  type Platform,
  type TensorSpec,
} from './lowering/index.js';
export type { XlaPrecision } from './options.js';
export { type DataParallelOptions, type DataParallelProgram, dataParallel } from './parallel/index.js';
