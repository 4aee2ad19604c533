import { bytesOf, type NumericData, type Program, peakBytes, printProgram, type Value } from '@diptych/graph';
import {
  type CompiledTrace,
  replacedLeaves,
  replaceTensors,
  setVariable,
  type Trace,
  workOf,
} from '@diptych/graph/engine';
import type * as tf from '@tensorflow/tfjs-core';
import { inMemory } from '../execution/device-tensor.js';
import { Executable } from '../execution/executable.js';
import { BAKE_WEIGHTS, fuseForInference, optimize } from '../execution/passes.js';
import { InPlaceUpdates } from './in-place-updates.js';
import type { ProgramServices } from './services.js';

/** Programs that need less than this do not compete for memory. */
const ARENA_MATTERS = 2 ** 26;
/** More weights than this do not go into one graph, and their copies would weigh more than their speed. */
const BAKED_BYTES = 1.5 * 2 ** 30;
/**
 * What ONNX Runtime's optimizer must not do: SkipLayerNormalization is slower than the addition and the normalisation that
 * it replaces (docs/engine-notes.md).
 */
const WITHOUT_SLOW_FUSIONS = { 'optimization.disable_specified_optimizers': 'SkipLayerNormFusion' };
/** Weights that stayed as they are for so many runs are taken for final. */
const RUNS_BEFORE_BAKING = 8;

/** A trace with its sessions: replays the function without calling it. */
export class CompiledProgram implements CompiledTrace {
  readonly #program: Program;
  readonly #trace: Trace;
  /** Variables that the program reads, with the trainability it was recorded for. */
  readonly #reads: { leaf: Value; variable: tf.Variable; trainable: boolean }[];
  /** Outputs that stay on the device: each is the new value of one variable and nothing else. */
  readonly #stays: ReadonlySet<Value>;
  /** Estimate of the memory that one run takes for what it computes. */
  readonly workingBytes: number;
  #executable: Executable;
  #updates: InPlaceUpdates;
  /** Values of the variables that are part of the sessions' graphs; null while variables are inputs. */
  #baked: ReadonlyMap<tf.Variable, Value> | null = null;
  /** Runs since a variable changed. */
  #unchanged = 0;
  #latest: ReadonlyMap<tf.Variable, Value> | null = null;
  #keepsArena = true;
  #released = false;

  constructor(
    private readonly services: ProgramServices,
    trace: Trace,
  ) {
    const { argumentOf, variableOf, gradients } = trace;
    const isConstant = (leaf: Value) => !argumentOf.has(leaf) && !variableOf.has(leaf);
    const program = optimize(trace.program, isConstant, services.skippedPasses);
    this.#program = gradients ? program : fuseForInference(program, services.skippedPasses);
    this.#trace = trace;
    this.workingBytes = peakBytes(this.#program);
    this.#stays = this.services.target.keepsState ? this.#onlyAssigned() : new Set();
    this.#reads = [...new Set(trace.program.inputs)].flatMap((leaf) => {
      const variable = variableOf.get(leaf);
      return variable ? [{ leaf, variable, trainable: variable.trainable }] : [];
    });
    if (this.#canBake()) this.#baked = this.#present();
    this.#executable = this.#build();
    this.#updates = new InPlaceUpdates(this.#executable, trace, services.inPlace);
  }

  /**
   * Whether the sessions keep the memory they computed in for the next run. That is faster, but memory of sessions that
   * take turns adds up.
   */
  set keepsArena(keeps: boolean) {
    if (keeps === this.#keepsArena || this.workingBytes < ARENA_MATTERS) return;
    this.#keepsArena = keeps;
    this.#rebuild();
  }

  /** What the sessions hold between runs. */
  get bytes(): number {
    return this.#executable.bytes + (this.#keepsArena ? this.workingBytes : 0);
  }

  #build(): Executable {
    const { argumentOf, variableOf } = this.#trace;
    const isConstant = (leaf: Value) => !argumentOf.has(leaf) && !variableOf.has(leaf);
    const baked = this.#baked;
    // Memory goes back by the session's options of the user, if there are any.
    const session = { enableCpuMemArena: this.#keepsArena, ...this.services.sessionOptions(workOf(this.#program)) };
    if (baked) {
      session.graphOptimizationLevel = this.services.givenSessionOptions.graphOptimizationLevel ?? 'all';
      session.config = { ...WITHOUT_SLOW_FUSIONS, ...session.config };
    }
    const bakes = (leaf: Value) => {
      if (isConstant(leaf)) return leaf.data as NumericData;
      const variable = baked && variableOf.get(leaf);
      return variable ? (this.services.dataOf(variable) as NumericData) : undefined;
    };
    const { target, copies } = this.services;
    const device = copies ? { keeps: this.#stays, copies } : undefined;
    const replaces = target.keepsState ? undefined : replacedLeaves(this.#program.outputs, this.#trace);
    return new Executable(this.#program, { session, bakes, target, device, replaces });
  }

  #rebuild(): void {
    this.#executable.dispose();
    this.#executable = this.#build();
    this.#updates = new InPlaceUpdates(this.#executable, this.#trace, this.services.inPlace);
  }

  /** Weights become part of the graph where nothing changes them, so that ONNX Runtime folds and packs them. */
  #canBake(): boolean {
    if (this.services.skippedPasses.has(BAKE_WEIGHTS)) return false;
    const { gradients, assignments } = this.#trace;
    const bytes = this.#reads.reduce((sum, { leaf }) => sum + bytesOf(leaf.shape, leaf.dtype), 0);
    return !gradients && assignments.length === 0 && this.#reads.length > 0 && bytes < BAKED_BYTES;
  }

  #onlyAssigned(): ReadonlySet<Value> {
    const { outputs } = this.#program;
    const uses = new Map<Value, number>();
    for (const output of outputs) uses.set(output, (uses.get(output) ?? 0) + 1);
    const assigned = outputs.slice(this.#trace.returned);
    return new Set(assigned.filter((output) => output.node !== null && uses.get(output) === 1));
  }

  #present(): ReadonlyMap<tf.Variable, Value> {
    return new Map(this.#reads.map(({ variable }) => [variable, this.services.entryOf(variable.dataId).value]));
  }

  /** Goes back to variables as inputs when one changed, and bakes them again when none did for a while. */
  #adapt(): void {
    if (!this.#canBake()) return;
    const present = this.#present();
    const reference = this.#baked ?? this.#latest;
    const same =
      reference !== null && this.#reads.every(({ variable }) => present.get(variable) === reference.get(variable));
    // What is updated in place changes without a sign.
    const still = same && this.#reads.every(({ variable }) => !this.#isUpdatedInPlace(variable));
    this.#unchanged = still ? this.#unchanged + 1 : 0;
    this.#latest = present;
    if (this.#baked && !still) {
      this.#baked = null;
      this.#rebuild();
    } else if (!this.#baked && this.#unchanged >= RUNS_BEFORE_BAKING) {
      this.#baked = present;
      this.#rebuild();
    }
  }

  #isUpdatedInPlace(variable: tf.Variable): boolean {
    return this.services.isUpdatedInPlace(this.services.dataOf(variable));
  }

  /** The optimized program as text. */
  get text(): string {
    return printProgram(this.#program);
  }

  /** True while it has its sessions, and every variable that was read exists and is as trainable as it was. */
  get isValid(): boolean {
    if (this.#released) return false;
    return this.#reads.every(({ variable, trainable }) => !variable.isDisposed && variable.trainable === trainable);
  }

  run(args: readonly tf.Tensor[]): unknown {
    const { services } = this;
    this.#adapt();
    services.budget.use(this);
    const updates = this.#updates;
    const updated = updates.prepare();
    const { argumentOf, variableOf, assignments, returned, result } = this.#trace;
    const data = this.#executable.run((leaf) => {
      const index = argumentOf.get(leaf);
      const variable = variableOf.get(leaf);
      if (index !== undefined) return updates.placed(leaf, services.dataOf(args[index]!));
      return updates.placed(leaf, variable ? services.stateOf(variable) : leaf.data!);
    }, services.tools);
    const { results } = services.counters;
    results.allocated += this.#executable.allocatedBytes;
    const outputs = this.#executable.program.outputs;
    assignments.forEach(({ variable }, i) => {
      const value = data.get(outputs[returned + i]!)!;
      if (updated.get(variable) === value) {
        results.inPlace += bytesOf(variable.shape, variable.dtype);
        return;
      }
      const stays = this.#stays.has(outputs[returned + i]!);
      setVariable(services, variable, stays ? value : services.ownData(inMemory(value)));
    });
    return replaceTensors(result, ({ shape, dtype }, i) =>
      services.makeTensor(services.own(services.ownData(inMemory(data.get(outputs[i]!)!)), shape, dtype)),
    );
  }

  dispose(): void {
    this.#released = true;
    this.#executable.dispose();
  }
}

/**
 * Sessions that keep their memory between runs add it up. One program keeps it, and the larger of two (a full batch and
 * a ragged last one); of more, as for texts of several lengths, none does.
 */
export function shareMemory(programs: readonly CompiledProgram[]): void {
  const largest = programs.reduce((most, program) => (program.workingBytes > most.workingBytes ? program : most));
  for (const program of programs) program.keepsArena = programs.length <= 2 && program === largest;
}
