import type { Node, TensorData, Value } from '@diptych/graph';
import type { PhiloxUniform } from '../wasm/philox-uniform.js';

/** Computes a node's outputs outside ONNX Runtime. */
export type HostKernel = (inputs: readonly TensorData[], node: Node, tools: HostTools) => TensorData[];

/** What host kernels share; belongs to a backend. */
export interface HostTools {
  philox: PhiloxUniform;
  /** Memory of an earlier run for random numbers, overwritten; new where there is none. */
  roomFor?: (value: Value) => Float32Array | undefined;
}
