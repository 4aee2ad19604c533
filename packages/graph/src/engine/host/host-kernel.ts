import type { Node, TensorData, Value } from '../../value.js';
import type { PhiloxUniform } from '../wasm/philox-uniform.js';

/** Computes a node's outputs in JavaScript, from arrays and to arrays. */
export type HostKernel = (inputs: readonly TensorData[], node: Node, tools: HostTools) => TensorData[];

/** What host kernels share; belongs to a backend. */
export interface HostTools {
  readonly philox: PhiloxUniform;
  /** Memory of an earlier run for random numbers, overwritten; new where there is none. */
  readonly roomFor?: (value: Value) => Float32Array | undefined;
  /** An engine's own forms of operations. */
  readonly kernels?: Readonly<Record<string, HostKernel>>;
}
