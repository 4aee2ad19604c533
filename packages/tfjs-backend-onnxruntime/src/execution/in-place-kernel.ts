import type { Node, TensorData } from '@diptych/graph';

/** Memory that one node of an {@link InPlaceKernel} works in. */
export interface InPlaceSlot {
  /** Arrays by position of the input that lies in them. */
  readonly arrays: ReadonlyMap<number, Float32Array<ArrayBuffer>>;
  /** Runs on the arrays; `inputs` are for those that lie elsewhere. */
  run(node: Node, inputs: readonly TensorData[]): void;
}

/** An operation outside of sessions that gives variables new values where they lie, in memory that it allocates. */
export interface InPlaceKernel {
  /** Inputs that it overwrites, each with the output that is its new value. The others of its outputs do not exist. */
  readonly updates: readonly { readonly input: number; readonly output: number }[];
  /** Inputs that it wants in its memory, so that what computes them writes them there. */
  readonly operands: readonly number[];
  /** Memory for nodes whose updated variables have these sizes, in one go. */
  allocate(sizes: readonly number[]): readonly InPlaceSlot[];
}
