import type { HostKernel } from '@diptych/graph/engine';
import { sumOfSquares } from './adamw-arena.js';

/** The kernel `SumsOfSquares` where gradients may lie in an arena's memory. */
export const sumsOfSquares: HostKernel = (inputs) => [Float32Array.from(inputs as Float32Array[], sumOfSquares)];
