import { checkOptions, type OptionNames } from '@diptych/core';
import { memoryLimit } from '@diptych/core/node';
import { type NumericData, type Program, peakBytes, type TensorData, type Value } from '@diptych/graph';
import {
  type CompileCounters,
  type CompileServices,
  compileFunction,
  defaultProgramBytes,
  EngineBackend,
  type EngineCounters,
  ProgramBudget,
  ProgramCache,
  skippedPasses,
  type Trace,
  workOf,
} from '@diptych/graph/engine';
import type * as tf from '@tensorflow/tfjs-core';
import { sumsOfSquares } from './adamw/sums-of-squares.js';
import { CompiledProgram, shareMemory } from './compile/compiled-program.js';
import { InPlaceMemory } from './compile/in-place-memory.js';
import type { ProgramServices } from './compile/services.js';
import { type Datum, DeviceTensor, inMemory } from './execution/device-tensor.js';
import { Executable } from './execution/executable.js';
import { optimize, PASS_NAMES } from './execution/passes.js';
import { providersOf, type Target, targetOf } from './execution/target.js';
import { onnxDtype } from './lowering/emitter.js';
import { DeviceCopies, hostValue, type OrtSessionOptions, spinningFor } from './ort/index.js';

/** How the backend runs. */
export interface OnnxRuntimeOptions {
  /** Execution providers in order of preference; `['cpu']` by default. */
  executionProviders?: OrtSessionOptions['executionProviders'];
  /** Threads inside an operator; all physical cores by default. */
  intraOpNumThreads?: number;
  /** Further options of ONNX Runtime's sessions, such as `{ enableProfiling: true }` or `{ config: {…} }`. */
  session?: OrtSessionOptions;
  /** Run every operation that has an ONNX form in a session, however small. For tests. */
  forceNative?: boolean;
  /** Programs that compute fewer elements run on portable kernels, without a session. */
  smallWork?: number;
  /**
   * Sessions are released, least recently used first, beyond this estimate of the memory of all; a quarter of the machine's
   * memory by default. A compiled function whose sessions were released records anew when it is called again.
   */
  sessionCacheBytes?: number;
}

const OPTIONS: OptionNames<OnnxRuntimeOptions> = {
  executionProviders: 'optional',
  intraOpNumThreads: 'optional',
  session: 'optional',
  forceNative: 'optional',
  smallWork: 'optional',
  sessionCacheBytes: 'optional',
};

/** What the backend did so far. */
export interface BackendStats extends EngineCounters {
  /** Sessions built for eager programs and how often one was used again; what all hold, compiled functions' too. */
  sessions: { built: number; reused: number; held: number; bytes: number };
  /** Functions recorded by compile, and replays of them. */
  compiled: CompileCounters;
  /**
   * Bytes of results of compiled functions, over all replays: new values of variables that were written where the old ones lay, and
   * results of sessions for which memory was allocated.
   */
  results: { inPlace: number; allocated: number };
}

/** Asked for by `compile` of @diptych/nn. */
const COMPILE = Symbol.for('diptych.compile');

/** A tfjs backend that records kernels and runs them as graphs in ONNX Runtime. */
export class OnnxRuntimeBackend extends EngineBackend implements CompileServices<CompiledProgram>, ProgramServices {
  readonly options: OnnxRuntimeOptions;
  /** Memory of the variables that compiled functions update where they lie. */
  readonly inPlace = new InPlaceMemory(this);
  readonly counters: BackendStats = {
    kernels: {},
    sessions: { built: 0, reused: 0, held: 0, bytes: 0 },
    portablePrograms: 0,
    compiled: { recorded: 0, revalidated: 0, replayed: 0 },
    results: { inPlace: 0, allocated: 0 },
  };
  /** What graphs are lowered for. */
  readonly target: Target;
  /** Copies to and from the device that keeps variables; null where they are in memory. */
  readonly copies: DeviceCopies | null;
  readonly budget: ProgramBudget;
  /** Passes that programs do not go through: none but in benches and tests. */
  readonly skippedPasses: ReadonlySet<string>;
  readonly #programs: ProgramCache<Executable>;

  constructor(options: OnnxRuntimeOptions = {}) {
    super('onnxruntime', { SumsOfSquares: sumsOfSquares });
    checkOptions('onnxruntime', options, OPTIONS);
    this.options = options;
    this.target = targetOf(options.executionProviders);
    this.copies = this.target.keepsState ? new DeviceCopies() : null;
    this.skippedPasses = skippedPasses('onnxruntime', options, PASS_NAMES);
    this.budget = new ProgramBudget(options.sessionCacheBytes ?? defaultProgramBytes(memoryLimit()));
    this.#programs = new ProgramCache(
      this.budget,
      (program, isConstant) => this.#build(program, isConstant),
      (wasBuilt) => {
        this.counters.sessions[wasBuilt ? 'built' : 'reused']++;
      },
    );
  }

  /** Records `fn` once for each kind of arguments and replays it; see `compile` of @diptych/nn. */
  [COMPILE]<Args extends unknown[], Result>(fn: (...args: Args) => Result) {
    return compileFunction(this, fn);
  }

  get givenSessionOptions(): OrtSessionOptions {
    return this.options.session ?? {};
  }

  compileTrace(trace: Trace): CompiledProgram {
    return new CompiledProgram(this, trace);
  }

  recorded(programs: readonly CompiledProgram[]): void {
    shareMemory(programs);
  }

  override isUpdatedInPlace(data: TensorData): boolean {
    return this.inPlace.holds(data);
  }

  /** Counters since the backend was made. */
  stats(): BackendStats {
    const copy = structuredClone(this.counters);
    copy.sessions.held = this.budget.size;
    copy.sessions.bytes = this.budget.bytes;
    return copy;
  }

  /**
   * Session options for graphs whose weights are inputs: nothing to fold, so that optimisation only costs time. Little
   * work is not worth the threads, which a session starts when it is built.
   */
  sessionOptions(work: number): OrtSessionOptions {
    const { executionProviders, intraOpNumThreads, session } = this.options;
    return {
      executionProviders: providersOf(executionProviders),
      intraOpNumThreads: work < ONE_THREAD_WORK ? 1 : intraOpNumThreads,
      graphOptimizationLevel: 'disabled',
      enableMemPattern: false,
      ...session,
      config: { ...spinningFor(), ...session?.config },
    };
  }

  /** What sessions read of a variable: its data, or its copy on the device that keeps variables, made if there is none. */
  stateOf(variable: tf.Variable): Datum {
    if (!this.copies) return this.dataOf(variable);
    const entry = this.storage.get(variable.dataId);
    if (!entry.value.device) {
      const data = this.dataOf(variable) as NumericData;
      const value = this.copies.upload(hostValue(onnxDtype(variable.dtype), data, variable.shape));
      entry.value.device = new DeviceTensor(value, this.copies);
    }
    return entry.value.device as DeviceTensor;
  }

  protected override isSmall(program: Program): boolean {
    return !this.options.forceNative && workOf(program) < (this.options.smallWork ?? 1 << 15);
  }

  protected override runProgram(program: Program): void {
    const { executable, program: built, leafFor } = this.#programs.obtain(program);
    const data = executable.run((leaf) => datumOf(leafFor(leaf)), this.tools);
    // A result may be an input as it stands, or a part of one; what a later step updates in place is copied then.
    program.outputs.forEach((value, i) => {
      value.settle(this.ownData(inMemory(data.get(built.outputs[i]!)!)));
    });
  }

  #build(program: Program, isConstant: (leaf: Value) => boolean) {
    const optimized = optimize(program, isConstant, this.skippedPasses);
    const session = this.sessionOptions(workOf(optimized));
    const executable = new Executable(optimized, { session, target: this.target });
    return { executable, program: optimized, bytes: executable.bytes + peakBytes(optimized) };
  }

  override dispose(): void {
    this.budget.clear();
    this.copies?.dispose();
  }
}

/** A leaf on the device if it is there, else in memory. */
function datumOf(leaf: Value): Datum {
  return (leaf.device as DeviceTensor | null) ?? leaf.data!;
}

/** Below this, a second thread gains less than its start costs. */
const ONE_THREAD_WORK = 1 << 20;
