import { type Program, printProgram, type Value } from '@diptych/graph';
import { type CompiledTrace, replacedLeaves, replaceTensors, type Trace } from '@diptych/graph/engine';
import type * as tf from '@tensorflow/tfjs-core';

import { sharing } from '../device/xla-device.js';
import { bytesOfLeaves, Executable } from '../execution/executable.js';
import type { XlaPrecision } from '../options.js';
import type { ProgramServices } from './services.js';

/** A trace as a program of XLA: replays the function without calling it, and without waiting for the device. */
export class CompiledProgram implements CompiledTrace {
  readonly #backend: ProgramServices;
  readonly #program: Program;
  readonly #trace: Trace;
  /** Variables that the program reads, with the trainability it was recorded for. */
  readonly #reads: readonly { variable: tf.Variable; trainable: boolean }[];
  /** What the function closes over, held here, whatever becomes of the tensors. */
  readonly #constants: ReadonlyMap<Value, Value>;
  readonly #executable: Executable;
  readonly bytes: number;
  #released = false;

  constructor(backend: ProgramServices, trace: Trace, precision: XlaPrecision) {
    const { argumentOf, variableOf } = trace;
    this.#backend = backend;
    this.#trace = trace;
    const isConstant = (leaf: Value) => !argumentOf.has(leaf) && !variableOf.has(leaf);
    this.#program = backend.optimize(trace.program, isConstant);
    this.#reads = trace.program.inputs.flatMap((leaf) => {
      const variable = variableOf.get(leaf);
      return variable ? [{ variable, trainable: variable.trainable }] : [];
    });
    const replaces = replacedLeaves(this.#program.outputs, trace);
    this.#executable = new Executable(this.#program, backend.device, { precision, replaces, name: 'compiled' });
    const constants = this.#program.inputs.filter(isConstant);
    this.#constants = new Map(constants.map((leaf) => [leaf, sharing(leaf)]));
    this.bytes = bytesOfLeaves(constants) + this.#executable.bytes;
  }

  get text(): string {
    return printProgram(this.#program);
  }

  get isValid(): boolean {
    if (this.#released) return false;
    return this.#reads.every(({ variable, trainable }) => !variable.isDisposed && variable.trainable === trainable);
  }

  run(args: readonly tf.Tensor[]): unknown {
    const backend = this.#backend;
    backend.budget.use(this);
    const { argumentOf, variableOf, assignments, returned, result } = this.#trace;
    const borrowed: Value[] = [];
    const leafFor = (leaf: Value): Value => {
      const constant = this.#constants.get(leaf);
      if (constant) return constant;
      const variable = variableOf.get(leaf);
      if (variable) return backend.stateOf(variable);
      const { value, isBorrowed } = backend.leafOf(args[argumentOf.get(leaf)!]!);
      if (isBorrowed) borrowed.push(value);
      return value;
    };
    try {
      const values = backend.run(this.#executable, leafFor);
      assignments.forEach(({ variable }, i) => {
        backend.replaceState(variable, values[returned + i]!);
      });
      return replaceTensors(result, ({ shape, dtype }, i) =>
        backend.makeTensor(backend.ownValue(values[i]!, shape, dtype)),
      );
    } finally {
      for (const { device } of borrowed) device?.dispose();
    }
  }

  dispose(): void {
    this.#released = true;
    this.#executable.dispose();
    for (const { device } of this.#constants.values()) device?.dispose();
  }
}
