import { allocate, type Entry, type NumericData, sizeOf, type TensorData, Value } from '@diptych/graph';
import { SparseGradient, separateVariable, setVariable, type TensorStore } from '@diptych/graph/engine';
import type * as tf from '@tensorflow/tfjs-core';
import type { InPlaceKernel, InPlaceSlot } from '../execution/in-place-kernel.js';

/** The memory that a variable keeps from step to step, and what its tensor was when it got it. */
interface KeptMemory {
  readonly memory: NumericData;
  entry: Entry;
  value: Value;
}

/** A kernel's memory for the variables that one of its nodes updates. */
interface SlotOfVariables {
  readonly kernel: InPlaceKernel;
  readonly slot: InPlaceSlot;
  readonly variables: readonly tf.Variable[];
}

/**
 * Memory of the variables that compiled functions update where they lie. It belongs to a variable from its first update on:
 * compiled functions that update the same variables (one for each length of text) share it.
 */
export class InPlaceMemory {
  readonly #kept = new WeakMap<tf.Variable, KeptMemory>();
  /** By the first of the variables. */
  readonly #slots = new WeakMap<tf.Variable, SlotOfVariables>();
  readonly #buffers = new WeakSet<ArrayBufferLike>();
  readonly #sparse = new WeakMap<Float32Array, SparseGradient>();

  constructor(private readonly store: TensorStore) {}

  /** True for data that lies in memory which a later step changes. */
  holds(data: TensorData): boolean {
    return !Array.isArray(data) && this.#buffers.has(data.buffer);
  }

  /** The data as it is now, for good: a copy of what a later step changes, anything else itself. */
  lasting(data: TensorData): TensorData {
    return this.holds(data) ? this.store.ownData(data) : data;
  }

  /** The gradient's memory as one of which few rows are written at a time. */
  sparse(gradient: Float32Array<ArrayBuffer>): SparseGradient {
    const known = this.#sparse.get(gradient) ?? new SparseGradient(gradient);
    this.#sparse.set(gradient, known);
    return known;
  }

  /** Says that all of the gradient's memory is going to be written. */
  overwrites(gradient: Float32Array<ArrayBuffer>): void {
    this.#sparse.delete(gradient);
  }

  /**
   * The memory in which a session updates a variable, with the variable's present value in it. Call before each step; where
   * nobody assigned to the variable since the last one it only looks.
   */
  memoryOf(variable: tf.Variable): NumericData {
    const known = this.#kept.get(variable)?.memory;
    const memory = known ?? this.#own(allocate(variable.dtype, sizeOf(variable.shape)));
    this.#move(variable, memory, known === undefined);
    return memory;
  }

  /**
   * The memory in which a kernel updates variables, likewise.
   *
   * @param updated for each node of the kernel the variables that it updates, in the order of the kernel's `updates`
   */
  slotsOf(kernel: InPlaceKernel, updated: readonly (readonly tf.Variable[])[]): InPlaceSlot[] {
    const isKnown = (variables: readonly tf.Variable[]) => {
      const found = this.#slots.get(variables[0]!);
      return found?.kernel === kernel && found.variables.every((variable, i) => variable === variables[i]);
    };
    const fresh = updated.filter((variables) => !isKnown(variables));
    if (fresh.length > 0) {
      const slots = kernel.allocate(fresh.map(([first]) => sizeOf(first!.shape)));
      for (const [i, variables] of fresh.entries()) {
        const slot = slots[i]!;
        for (const array of slot.arrays.values()) this.#own(array);
        this.#slots.set(variables[0]!, { kernel, slot, variables });
      }
    }
    const areFresh = new Set(fresh);
    return updated.map((variables) => {
      const { slot } = this.#slots.get(variables[0]!)!;
      for (const [i, { input }] of kernel.updates.entries()) {
        this.#move(variables[i]!, slot.arrays.get(input)!, areFresh.has(variables));
      }
      return slot;
    });
  }

  #own<Data extends NumericData>(array: Data): Data {
    this.#buffers.add(array.buffer);
    this.store.markCommon(array.buffer);
    return array;
  }

  /** @param isZero memory that was never written, and costs no pages until it is */
  #move(variable: tf.Variable, memory: NumericData, isZero: boolean): void {
    const { store } = this;
    const { value } = store.entryOf(variable.dataId);
    if (!value.isUntouchedZero && value.data === memory) {
      separateVariable(store, variable);
      return;
    }
    this.#leaveToClones(this.#kept.get(variable));
    if (!value.isUntouchedZero) memory.set(store.dataOf(variable) as NumericData);
    else if (!isZero) memory.fill(0);
    setVariable(store, variable, memory);
    const entry = store.entryOf(variable.dataId);
    this.#kept.set(variable, { memory, entry, value: entry.value });
  }

  /** Clones that were made before something was assigned to the variable still read its memory; they get a copy. */
  #leaveToClones(kept: KeptMemory | undefined): void {
    if (!kept || kept.entry.refCount === 0 || kept.entry.value !== kept.value) return;
    const { shape, dtype } = kept.value;
    kept.entry.value = Value.leaf(kept.memory.slice(), shape, dtype);
  }
}
