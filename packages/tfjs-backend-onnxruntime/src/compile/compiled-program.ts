import { EngineError } from '@diptych/core';
import { bytesOf, type NumericData, type Program, peakBytes, printProgram, type Value } from '@diptych/graph';
import * as tf from '@tensorflow/tfjs-core';
import { type OnnxRuntimeBackend, workOf } from '../backend.js';
import { inMemory } from '../execution/device-tensor.js';
import { Executable } from '../execution/executable.js';
import { BAKE_WEIGHTS, fuseForInference, optimize } from '../execution/passes.js';
import type { Environment } from '../execution/plan.js';
import type { SparseGradient } from '../execution/segment-sum.js';
import type { SessionHolder } from '../execution/session-budget.js';
import type { AdamWOptions } from '../wasm/adamw-arena.js';
import type { Bound, Trained } from './optimizer-memory.js';
import type { Trace } from './recording.js';
import { replaceTensors } from './structure.js';
import { setVariable } from './variables.js';

type Node = Program['nodes'][number];

/** An optimizer step that runs in place. */
interface InPlaceStep {
  node: Node;
  trained: Trained[];
  /** Gradients that are summed outside of sessions. */
  sums: ReadonlyMap<Value, Node>;
}

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
export class CompiledProgram implements SessionHolder {
  readonly #program: Program;
  readonly #trace: Trace;
  readonly #steps: InPlaceStep[];
  /** Variables that the program reads, with the trainability it was recorded for. */
  readonly #reads: { leaf: Value; variable: tf.Variable; trainable: boolean }[];
  /** Outputs that stay on the device: each is the new value of one variable and nothing else. */
  readonly #stays: ReadonlySet<Value>;
  /** Estimate of the memory that one run takes for what it computes. */
  readonly workingBytes: number;
  #executable: Executable;
  /** Values of the variables that are part of the sessions' graphs; null while variables are inputs. */
  #baked: ReadonlyMap<tf.Variable, Value> | null = null;
  /** Runs since a variable changed. */
  #unchanged = 0;
  #latest: ReadonlyMap<tf.Variable, Value> | null = null;
  #keepsArena = true;
  #released = false;

  constructor(
    private readonly backend: OnnxRuntimeBackend,
    trace: Trace,
  ) {
    const { argumentOf, variableOf, gradients } = trace;
    const isConstant = (leaf: Value) => !argumentOf.has(leaf) && !variableOf.has(leaf);
    const program = optimize(trace.program, isConstant, backend.skippedPasses);
    this.#program = gradients ? program : fuseForInference(program, backend.skippedPasses);
    this.#trace = trace;
    this.workingBytes = peakBytes(this.#program);
    this.#stays = this.backend.target.keepsState ? this.#onlyAssigned() : new Set();
    this.#reads = [...new Set(trace.program.inputs)].flatMap((leaf) => {
      const variable = variableOf.get(leaf);
      return variable ? [{ leaf, variable, trainable: variable.trainable }] : [];
    });
    if (this.#canBake()) this.#baked = this.#present();
    this.#executable = this.#build();
    this.#steps = this.#findInPlaceSteps();
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
    const session = { enableCpuMemArena: this.#keepsArena, ...this.backend.sessionOptions(workOf(this.#program)) };
    if (baked) {
      session.graphOptimizationLevel = this.backend.options.session?.graphOptimizationLevel ?? 'all';
      session.config = { ...WITHOUT_SLOW_FUSIONS, ...session.config };
    }
    const bakes = (leaf: Value) => {
      if (isConstant(leaf)) return leaf.data as NumericData;
      const variable = baked && variableOf.get(leaf);
      return variable ? (this.backend.dataOf(variable) as NumericData) : undefined;
    };
    const { target, copies } = this.backend;
    const device = copies ? { keeps: this.#stays, copies } : undefined;
    return new Executable(this.#program, { session, bakes, target, device });
  }

  #rebuild(): void {
    this.#executable.dispose();
    this.#executable = this.#build();
  }

  /** Weights become part of the graph where nothing changes them, so that ONNX Runtime folds and packs them. */
  #canBake(): boolean {
    if (this.backend.skippedPasses.has(BAKE_WEIGHTS)) return false;
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
    return new Map(this.#reads.map(({ variable }) => [variable, this.backend.entryOf(variable.dataId).value]));
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
    return this.backend.optimizerMemory.holds(this.backend.dataOf(variable));
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

  /**
   * Runs the program on the tensors of the arguments, updates variables, and returns the results as fresh tensors. What was
   * recorded eagerly has to be computed by now: it may read variables that change in place.
   */
  run(args: readonly tf.Tensor[]): unknown {
    const { backend } = this;
    this.#adapt();
    backend.sessions.use(this);
    const bound = this.#steps.map((step) => this.#bind(step));
    const { argumentOf, variableOf, assignments, returned, result } = this.#trace;
    const data = this.#executable.run((leaf) => {
      const index = argumentOf.get(leaf);
      if (index !== undefined) return backend.dataOf(args[index]!);
      const variable = variableOf.get(leaf);
      return variable ? backend.stateOf(variable) : leaf.data!;
    }, backend.tools);
    const outputs = this.#executable.program.outputs;
    const inPlace = new Set(bound.flatMap(({ slots }) => slots.flatMap((s) => [s.parameter, s.expAvg, s.expAvgSq])));
    assignments.forEach(({ variable }, i) => {
      const value = data.get(outputs[returned + i]!)!;
      if (inPlace.has(value as Float32Array<ArrayBuffer>)) return;
      const stays = this.#stays.has(outputs[returned + i]!);
      setVariable(backend, variable, stays ? value : backend.ownData(inMemory(value)));
    });
    return replaceTensors(result, ({ shape, dtype }, i) => {
      const info = backend.own(backend.ownData(inMemory(data.get(outputs[i]!)!)), shape, dtype);
      return tf.engine().makeTensorFromTensorInfo(info, backend);
    });
  }

  dispose(): void {
    this.#released = true;
    this.#executable.dispose();
  }

  /** Moves the variables of an optimizer step into its memory, and has gradients written there. */
  #bind({ node, trained, sums }: InPlaceStep): Bound {
    const bound = this.backend.optimizerMemory.bind(trained);
    const executable = this.#executable;
    const count = trained.length;
    const gradients = node.inputs.slice(1 + count, 1 + 2 * count);
    // In reverse, so that of two parameters with one gradient the first has it in place and the other copies.
    for (let i = count - 1; i >= 0; i--) {
      const { gradient } = bound.slots[i]!;
      const sum = sums.get(gradients[i]!);
      if (sum) {
        const sparse = this.backend.optimizerMemory.sparse(gradient);
        executable.overrides.set(sum, (data) => sumInPlace(sum, sparse, data));
        const rows = sum.inputs[0]!;
        if (this.#isOnlySummed(rows)) executable.placements.set(rows, sparse.roomFor(rows.size));
      } else {
        executable.placements.set(gradients[i]!, gradient);
        this.backend.optimizerMemory.overwrites(gradient);
      }
    }
    executable.overrides.set(node, (data) => {
      updateInPlace(node, bound, data);
    });
    return bound;
  }

  /** True for float values of a session that nobody reads but sums by segment: their memory can be the same at each run. */
  #isOnlySummed(rows: Value): boolean {
    const readers = this.#executable.hostNodes.filter(({ inputs }) => inputs.includes(rows));
    const { outputs } = this.#executable.program;
    const summed = readers.every(({ op }) => op === 'UnsortedSegmentSum');
    return rows.node !== null && rows.dtype === 'float32' && summed && !outputs.includes(rows);
  }

  /** Optimizer steps whose parameters and moments are variables, assigned from its results and not read afterwards. */
  #findInPlaceSteps(): InPlaceStep[] {
    const { program } = this.#executable;
    const { variableOf, assignments, returned } = this.#trace;
    const { hostNodes } = this.#executable;
    const steps = hostNodes.filter(({ op }) => op === 'FusedAdamW');
    const summing = hostNodes.filter(({ op }) => op === 'UnsortedSegmentSum');
    const sums = new Map(summing.map((node) => [node.outputs[0]!, node]));
    return steps.flatMap((node) => {
      const count = node.attrs.count as number;
      const input = (part: number, i: number) => node.inputs[1 + part * count + i]!;
      const variableAt = (part: number, i: number) => variableOf.get(input(part, i));
      const trained = Array.from({ length: count }, (_, i) => ({
        parameter: variableAt(0, i),
        expAvg: variableAt(2, i),
        expAvgSq: variableAt(3, i),
      }));
      const isAssigned = (variable: tf.Variable | undefined, output: number) => {
        const at = assignments.findIndex((assignment) => assignment.variable === variable);
        return variable !== undefined && at >= 0 && program.outputs[returned + at] === node.outputs[output];
      };
      const everyAssigned = trained.every(
        ({ parameter, expAvg, expAvgSq }, i) =>
          isAssigned(parameter, i) && isAssigned(expAvg, count + i) && isAssigned(expAvgSq, 2 * count + i),
      );
      const leaves = new Set([0, 2, 3].flatMap((part) => trained.map((_, i) => input(part, i))));
      const distinct = leaves.size === 3 * count;
      if (!everyAssigned || !distinct || this.#executable.readsAfter(node, leaves)) return [];
      if (program.outputs.some((output) => leaves.has(output))) return [];
      return [{ node, trained: trained as Trained[], sums }];
    });
  }
}

function sumInPlace({ inputs, outputs: [sum] }: Node, gradient: SparseGradient, data: Environment): void {
  const [x, ids] = inputs.map((input) => inMemory(data.get(input)!) as NumericData);
  data.set(sum!, gradient.write(x!, ids!, sum!.shape[0]!));
}

function updateInPlace(node: Node, { arena, indices, slots }: Bound, data: Environment): void {
  const count = slots.length;
  slots.forEach(({ gradient }, i) => {
    const computed = data.get(node.inputs[1 + count + i]!) as Float32Array;
    if (computed !== gradient) gradient.set(computed);
  });
  const hyper = data.get(node.inputs[0]!) as Float32Array;
  const { beta1, beta2, eps, maxNorm } = node.attrs as unknown as AdamWOptions;
  const squares = arena.step(hyper, { beta1, beta2, eps, maxNorm }, indices);
  slots.forEach(({ parameter, expAvg, expAvgSq }, i) => {
    data.set(node.outputs[i]!, parameter);
    data.set(node.outputs[count + i]!, expAvg);
    data.set(node.outputs[2 * count + i]!, expAvgSq);
  });
  data.set(node.outputs[3 * count]!, Float32Array.from(squares));
}

/** Says that a compiled function is gone. */
export function refuseDisposed(): never {
  throw new EngineError({
    where: 'onnxruntime.compile',
    problem: 'the compiled function was called after dispose()',
    remedy: 'compile it again',
  });
}
