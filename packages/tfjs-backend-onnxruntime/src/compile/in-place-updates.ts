import type { Node, NumericData, Value } from '@diptych/graph';
import { replacedLeaves, type Trace } from '@diptych/graph/engine';
import type * as tf from '@tensorflow/tfjs-core';
import { type Datum, inMemory } from '../execution/device-tensor.js';
import type { Executable } from '../execution/executable.js';
import type { InPlaceKernel, InPlaceSlot } from '../execution/in-place-kernel.js';
import { IN_PLACE_KERNELS } from '../execution/in-place-kernels.js';
import type { Environment } from '../execution/plan.js';
import type { InPlaceMemory } from './in-place-memory.js';

/** A node of an in-place kernel all of whose results are assigned to the variables that they replace. */
interface KernelUpdate {
  readonly node: Node;
  readonly kernel: InPlaceKernel;
  /** In the order of the kernel's `updates`. */
  readonly variables: readonly tf.Variable[];
}

/** A variable whose new value a session can write where the old one lies. */
interface SessionUpdate {
  readonly variable: tf.Variable;
  readonly output: Value;
}

/**
 * The variables that a program reads, assigns and does not read afterwards: their new values are written where the old ones lie, by
 * a kernel that works in place or by the session that computes them. Nothing here knows what kind of update it is.
 */
export class InPlaceUpdates {
  readonly #executable: Executable;
  readonly #memory: InPlaceMemory;
  readonly #kernels: readonly KernelUpdate[];
  readonly #sessions: readonly SessionUpdate[];
  /** Operands of kernels that nothing computes: their memory is where they are read. */
  readonly #leaves = new Map<Value, Float32Array<ArrayBuffer>>();
  /** Sums by segments outside of sessions, by their result. */
  readonly #sums: ReadonlyMap<Value, Node>;

  /** @param executable built with `replaces` as `replacedLeaves` gives it */
  constructor(executable: Executable, trace: Trace, memory: InPlaceMemory) {
    this.#executable = executable;
    this.#memory = memory;
    const replaced = replacedLeaves(executable.program.outputs, trace);
    this.#kernels = findKernelUpdates(executable, replaced, trace);
    this.#sessions = [...executable.overwrites].map(([output, leaf]) => ({
      output,
      variable: trace.variableOf.get(leaf)!,
    }));
    const summing = executable.hostNodes.filter(({ op }) => op === 'UnsortedSegmentSum');
    this.#sums = new Map(summing.map((node) => [node.outputs[0]!, node]));
  }

  /**
   * Moves the variables into memory of their own, if they are not there yet, and has the next run write to it.
   *
   * @returns the memory of each variable that the run updates
   */
  prepare(): ReadonlyMap<tf.Variable, NumericData> {
    const memories = new Map<tf.Variable, NumericData>();
    for (const { variable, output } of this.#sessions) {
      const memory = this.#memory.memoryOf(variable);
      this.#executable.placements.set(output, memory);
      memories.set(variable, memory);
    }
    for (const kernel of new Set(this.#kernels.map((update) => update.kernel))) {
      const updates = this.#kernels.filter((update) => update.kernel === kernel);
      const slots = this.#memory.slotsOf(
        kernel,
        updates.map(({ variables }) => variables),
      );
      // In reverse, so that of two nodes with one operand the first has it in place and the other copies.
      for (const [i, { node, variables }] of [...updates.entries()].reverse()) {
        const slot = slots[i]!;
        for (const position of kernel.operands) this.#placeOperand(node.inputs[position]!, slot.arrays.get(position)!);
        this.#executable.overrides.set(node, (data) => updateInPlace(node, kernel, slot, data));
        for (const [k, { input }] of kernel.updates.entries()) memories.set(variables[k]!, slot.arrays.get(input)!);
      }
    }
    return memories;
  }

  /** The data of a leaf, copied to the memory of the kernel that wants it there. */
  placed(leaf: Value, data: Datum): Datum {
    const memory = this.#leaves.get(leaf);
    if (!memory) return data;
    memory.set(inMemory(data) as Float32Array);
    return memory;
  }

  /** Has an operand written to a kernel's memory: by the session that computes it, or by a sum of few rows. */
  #placeOperand(operand: Value, memory: Float32Array<ArrayBuffer>): void {
    if (!operand.node) {
      this.#leaves.set(operand, memory);
      this.#memory.overwrites(memory);
      return;
    }
    const sum = this.#sums.get(operand);
    if (!sum) {
      this.#executable.placements.set(operand, memory);
      this.#memory.overwrites(memory);
      return;
    }
    const sparse = this.#memory.sparse(memory);
    this.#executable.overrides.set(sum, (data) => {
      const [x, ids] = sum.inputs.map((input) => inMemory(data.get(input)!) as NumericData);
      data.set(operand, sparse.write(x!, ids!, operand.shape[0]!));
    });
    const rows = sum.inputs[0]!;
    if (this.#isOnlySummed(rows)) this.#executable.placements.set(rows, sparse.roomFor(rows.size));
  }

  /** True for float values of a session that nobody reads but sums by segment: their memory can be the same at each run. */
  #isOnlySummed(rows: Value): boolean {
    const readers = this.#executable.hostNodes.filter(({ inputs }) => inputs.includes(rows));
    const { outputs } = this.#executable.program;
    const summed = readers.every(({ op }) => op === 'UnsortedSegmentSum');
    return rows.node !== null && rows.dtype === 'float32' && summed && !outputs.includes(rows);
  }
}

function findKernelUpdates(
  executable: Executable,
  replaced: ReadonlyMap<Value, Value>,
  { variableOf }: Trace,
): KernelUpdate[] {
  return executable.hostNodes.flatMap((node) => {
    const kernel = IN_PLACE_KERNELS[node.op];
    if (!kernel) return [];
    const leaves = kernel.updates.map(({ input }) => node.inputs[input]!);
    const areAssigned = kernel.updates.every(
      ({ input, output }) => replaced.get(node.outputs[output]!) === node.inputs[input],
    );
    const distinct = new Set(leaves);
    const others = node.inputs.filter((_, i) => kernel.updates.every(({ input }) => input !== i));
    if (!areAssigned || distinct.size < leaves.length || others.some((input) => distinct.has(input))) return [];
    if (executable.readsAfter(node, distinct)) return [];
    return [{ node, kernel, variables: leaves.map((leaf) => variableOf.get(leaf)!) }];
  });
}

function updateInPlace(node: Node, kernel: InPlaceKernel, slot: InPlaceSlot, data: Environment): void {
  for (const position of kernel.operands) {
    const [array, computed] = [slot.arrays.get(position)!, inMemory(data.get(node.inputs[position]!)!)];
    if (computed !== array) array.set(computed as Float32Array);
  }
  slot.run(
    node,
    node.inputs.map((input) => inMemory(data.get(input)!)),
  );
  for (const { input, output } of kernel.updates) data.set(node.outputs[output]!, slot.arrays.get(input)!);
}
