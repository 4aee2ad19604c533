export type { Platform } from './emitter.js';
export { optimize, PASSES } from './passes.js';
export { canLower, type LoweredProgram, type LowerOptions, lowerProgram, type TensorSpec } from './program.js';
