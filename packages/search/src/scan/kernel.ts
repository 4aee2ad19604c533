import { kernelWasm } from './kernel.wasm.js';

/** Pointers and counts; rows and queries as `scripts/build-kernel.mjs` says. */
type One = (x: number, stride: number, rows: number, query: number, starts: number, steps: number, out: number) => void;
type Many = (
  x: number,
  stride: number,
  rows: number,
  queries: number,
  queryStride: number,
  groups: number,
  starts: number,
  steps: number,
  out: number,
) => void;
type SelectOne = (scores: number, from: number, to: number, factors: number, threshold: number, out: number) => number;
type SelectMany = (
  scores: number,
  from: number,
  to: number,
  factors: number,
  thresholds: number,
  groups: number,
  out: number,
) => number;

/** The functions of the kernel. */
export interface Kernel {
  readonly one_float32: One;
  readonly one_float16: One;
  readonly one_int8: One;
  readonly many_float32: Many;
  readonly many_float16: Many;
  readonly many_int8: Many;
  readonly selectOne_float32: SelectOne;
  readonly selectOne_int32: SelectOne;
  readonly selectMany_float32: SelectMany;
  readonly selectMany_int32: SelectMany;
}

let compiled: WebAssembly.Module | undefined;

/** The kernel over some memory. */
export function instantiateKernel(memory: WebAssembly.Memory): Kernel {
  compiled ??= new WebAssembly.Module(Buffer.from(kernelWasm, 'base64'));
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  return exports as unknown as Kernel; // the module is ours, and a test compares it with its source
}
