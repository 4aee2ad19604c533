import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { sizeOf, type TensorData } from '@diptych/graph';
import type * as tf from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../backend.js';
import { SparseGradient } from '../execution/segment-sum.js';
import { AdamWArena, type AdamWSlot } from '../wasm/adamw-arena.js';
import { setVariable, unshare } from './variables.js';

/** The three variables of one trained parameter. */
export interface Trained {
  parameter: tf.Variable;
  expAvg: tf.Variable;
  expAvgSq: tf.Variable;
}

/** Where a parameter's state lies. */
interface Home extends Trained {
  arena: AdamWArena;
  index: number;
}

/** Parameters of one optimizer step in memory that it updates in place. */
export interface Bound {
  arena: AdamWArena;
  indices: Int32Array;
  slots: readonly AdamWSlot[];
}

/**
 * Keeps trained variables in the memory of {@link AdamWArena}s. A variable's data is then a view of that memory, so
 * sessions read it where the optimizer updates it. Compiled functions that train the same variables (one for each
 * length of text) share it.
 */
export class OptimizerMemory {
  readonly #homes = new WeakMap<tf.Variable, Home>();
  readonly #buffers = new WeakSet<ArrayBufferLike>();
  readonly #sparse = new WeakMap<Float32Array, SparseGradient>();

  constructor(private readonly backend: OnnxRuntimeBackend) {}

  /** True for data that lies in memory which a later step changes. */
  holds(data: TensorData): boolean {
    return !Array.isArray(data) && this.#buffers.has(data.buffer);
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

  /** The data as it is now, for good: a copy of what a later step changes, anything else itself. */
  lasting(data: TensorData): TensorData {
    return this.holds(data) ? this.backend.ownData(data) : data;
  }

  /**
   * Moves the variables here, if they are not yet, and takes over values that were assigned to them since. Call before
   * each step; when nothing changed it only looks.
   */
  bind(trained: readonly Trained[]): Bound {
    const shared = this.#sharedHomes(trained);
    const fresh = shared === undefined;
    const homes = shared ?? this.#settle(trained);
    const slots = homes.map(({ arena, index }) => arena.slots[index]!);
    trained.forEach(({ parameter, expAvg, expAvgSq }, i) => {
      const slot = slots[i]!;
      this.#bindVariable(parameter, slot.parameter, fresh);
      this.#bindVariable(expAvg, slot.expAvg, fresh);
      this.#bindVariable(expAvgSq, slot.expAvgSq, fresh);
    });
    // The arrays that the variables had before are garbage now, and may be half of the memory in use.
    if (fresh && slots.reduce((sum, { parameter }) => sum + parameter.byteLength, 0) > COLLECT_BYTES) collectGarbage();
    return { arena: homes[0]!.arena, indices: Int32Array.from(homes, ({ index }) => index), slots };
  }

  /** The homes of all, if they lie in one arena with the moments they are to be trained with. */
  #sharedHomes(trained: readonly Trained[]): Home[] | undefined {
    const homes: Home[] = [];
    for (const { parameter, expAvg, expAvgSq } of trained) {
      const home = this.#homes.get(parameter);
      if (home?.expAvg !== expAvg || home.expAvgSq !== expAvgSq) return undefined;
      if (homes[0] && homes[0].arena !== home.arena) return undefined;
      homes.push(home);
    }
    return homes;
  }

  #settle(trained: readonly Trained[]): Home[] {
    const arena = new AdamWArena(trained.map(({ parameter }) => sizeOf(parameter.shape)));
    for (const { parameter } of arena.slots) {
      this.#buffers.add(parameter.buffer);
      this.backend.markCommon(parameter.buffer);
    }
    return trained.map((variables, index) => {
      const home = { ...variables, arena, index };
      this.#homes.set(variables.parameter, home);
      return home;
    });
  }

  #bindVariable(variable: tf.Variable, view: Float32Array<ArrayBuffer>, fresh: boolean): void {
    const { value } = this.backend.entryOf(variable.dataId);
    if (!value.isUntouchedZero && value.data === view) {
      unshare(this.backend, variable);
      return;
    }
    if (value.isUntouchedZero) {
      // A fresh memory is zero already, and takes no pages until it is written.
      if (!fresh) view.fill(0);
    } else view.set(this.backend.dataOf(variable) as Float32Array);
    setVariable(this.backend, variable, view);
  }
}

/** Below this the garbage is not worth the pause (some 50 ms). */
const COLLECT_BYTES = 2 ** 26;

/** Node's collector does not know how large arrays are that it has not looked at: it would leave them for many steps. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}
