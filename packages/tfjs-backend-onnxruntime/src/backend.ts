import { checkOptions, EngineError, type OptionNames } from '@diptych/core';
import { memoryLimit } from '@diptych/core/node';
import {
  extractProgram,
  fingerprint,
  type KernelInputs,
  type NamedInputs,
  type NumericData,
  type Program,
  peakBytes,
  RECORDERS,
  RecordingBackend,
  type TensorData,
  type Value,
} from '@diptych/graph';
import type * as tf from '@tensorflow/tfjs-core';
import { engine } from '@tensorflow/tfjs-core';
import { compileFunction } from './compile/compile-function.js';
import { InPlaceMemory } from './compile/in-place-memory.js';
import type { CompileServices } from './compile/services.js';
import { type Datum, DeviceTensor, inMemory } from './execution/device-tensor.js';
import { Executable } from './execution/executable.js';
import type { HostTools } from './execution/host-kernel.js';
import { runOnHost } from './execution/host-kernels.js';
import { optimize, skippedPasses } from './execution/passes.js';
import type { Environment } from './execution/plan.js';
import { type Plain, type PlainTensor, runPortable } from './execution/portable-kernels.js';
import { ProgramCache } from './execution/program-cache.js';
import { defaultSessionBytes, SessionBudget } from './execution/session-budget.js';
import { providersOf, type Target, targetOf } from './execution/target.js';
import { workOf } from './execution/work.js';
import { onnxDtype } from './lowering/emitter.js';
import { DeviceCopies, hostValue, type OrtSessionOptions, spinningFor } from './ort/index.js';
import { createPhiloxUniform } from './wasm/philox-uniform.js';

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

/** Calls of one kernel: recorded for ONNX Runtime, and run at once by tfjs-backend-cpu. */
export interface KernelCalls {
  native: number;
  fallback: number;
}

/** What the backend did so far. */
export interface BackendStats {
  kernels: Record<string, KernelCalls>;
  /** Sessions built for eager programs and how often one was used again; what all hold, compiled functions' too. */
  sessions: { built: number; reused: number; held: number; bytes: number };
  /** Programs that ran without a session because they were small. */
  portablePrograms: number;
  /** Functions recorded by compile, and replays of them. */
  compiled: { recorded: number; revalidated: number; replayed: number };
  /**
   * Bytes of results of compiled functions, over all replays: new values of variables that were written where the old ones lay, and
   * results of sessions for which memory was allocated.
   */
  results: { inPlace: number; allocated: number };
}

/** Asked for by `compile` of @diptych/nn. */
const COMPILE = Symbol.for('diptych.compile');

/** A tfjs backend that records kernels and runs them as graphs in ONNX Runtime. */
export class OnnxRuntimeBackend extends RecordingBackend implements CompileServices {
  readonly options: OnnxRuntimeOptions;
  readonly tools: HostTools = { philox: createPhiloxUniform() };
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
  readonly sessions: SessionBudget;
  /** Passes that programs do not go through: none but in benches and tests. */
  readonly skippedPasses: ReadonlySet<string>;
  readonly #programs: ProgramCache;

  constructor(options: OnnxRuntimeOptions = {}) {
    super('onnxruntime');
    checkOptions('onnxruntime', options, OPTIONS);
    this.options = options;
    this.target = targetOf(options.executionProviders);
    this.copies = this.target.keepsState ? new DeviceCopies() : null;
    this.skippedPasses = skippedPasses(options);
    this.sessions = new SessionBudget(options.sessionCacheBytes ?? defaultSessionBytes(memoryLimit()));
    this.#programs = new ProgramCache(this.sessions);
  }

  /** Records `fn` once for each kind of arguments and replays it; see `compile` of @diptych/nn. */
  [COMPILE]<Args extends unknown[], Result>(fn: (...args: Args) => Result) {
    return compileFunction(this, fn);
  }

  get givenSessionOptions(): OrtSessionOptions {
    return this.options.session ?? {};
  }

  makeTensor(info: tf.TensorInfo): tf.Tensor {
    return engine().makeTensorFromTensorInfo(info, this);
  }

  isUpdatedInPlace(data: TensorData): boolean {
    return this.inPlace.holds(data);
  }

  /** Counters since the backend was made. */
  stats(): BackendStats {
    const copy = structuredClone(this.counters);
    copy.sessions.held = this.sessions.size;
    copy.sessions.bytes = this.sessions.bytes;
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

  /** Runs one tfjs kernel: records it if it can be recorded, else computes it at once. */
  runKernel(name: string, inputs: KernelInputs, attrs: tf.NamedAttrMap): tf.TensorInfo | tf.TensorInfo[] {
    this.counters.kernels[name] ??= { native: 0, fallback: 0 };
    const calls = this.counters.kernels[name];
    const recorded = isPlain(name, inputs) ? RECORDERS[name]?.(this, inputs as NamedInputs, attrs as never) : undefined;
    if (recorded) {
      calls.native++;
      return recorded;
    }
    calls.fallback++;
    return this.#runNow(name, inputs, attrs);
  }

  /** The data behind a tensor, computed if it was not yet. */
  dataOf(info: tf.TensorInfo): TensorData {
    const entry = this.storage.get(info.dataId);
    if (entry.value.data === null) this.flush([entry]);
    return entry.value.data!;
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

  protected override evaluate(values: readonly Value[]): void {
    const program = extractProgram(values);
    if (program.inputs.some((leaf) => !leaf.isKnown)) {
      throw new EngineError({
        where: 'onnxruntime',
        problem:
          'a tensor that was made inside a compiled function is used outside, where its arguments have no values',
        remedy: 'return it from the function',
      });
    }
    const small = this.options.smallWork ?? 1 << 15;
    if (!this.options.forceNative && workOf(program) < small) this.#interpret(program);
    else this.#runCached(program);
  }

  override dispose(): void {
    this.sessions.clear();
    this.copies?.dispose();
  }

  #interpret(program: Program): void {
    this.counters.portablePrograms++;
    const data: Environment = new Map(program.inputs.map((leaf) => [leaf, leaf.data!]));
    for (const node of program.nodes) {
      const results = runOnHost(
        node,
        node.inputs.map((input) => inMemory(data.get(input)!)),
        this.tools,
      );
      node.outputs.forEach((output, i) => {
        data.set(output, results[i]!);
      });
    }
    this.#settle(program.outputs, program.outputs, data);
  }

  /**
   * Sessions are kept by structure. Scalars are taken for constants at first, so that powers and divisions simplify;
   * one that turns out to change from run to run (a learning rate) becomes an input.
   */
  #runCached(program: Program): void {
    const key = fingerprint(program, () => '');
    const scalars = program.inputs.map((leaf) =>
      leaf.size === 1 && leaf.dtype !== 'string' ? (leaf.data as Float32Array)[0]! : null,
    );
    let cached = this.#programs.get(key);
    const changed = new Set(cached?.changing);
    if (cached) {
      for (const [i, value] of scalars.entries()) if (!Object.is(cached.scalars[i], value)) changed.add(i);
      if (changed.size > cached.changing.size) {
        this.#programs.delete(key);
        cached = undefined;
      }
    }
    if (cached) this.counters.sessions.reused++;
    else {
      const indices = new Map(program.inputs.map((leaf, i) => [leaf, i]));
      const isConstant = (leaf: Value) => leaf.size === 1 && !changed.has(indices.get(leaf)!);
      const optimized = optimize(program, isConstant, this.skippedPasses);
      const executable = new Executable(optimized, {
        session: this.sessionOptions(workOf(optimized)),
        target: this.target,
      });
      cached = {
        executable,
        bytes: executable.bytes + peakBytes(optimized),
        indices: new Map(optimized.inputs.map((leaf) => [leaf, indices.get(leaf)!])),
        scalars,
        changing: changed,
      };
      this.counters.sessions.built++;
      this.#programs.set(key, cached);
    }
    const { executable, indices } = cached;
    const data = executable.run((leaf) => datumOf(program.inputs[indices.get(leaf)!]!), this.tools);
    this.#settle(program.outputs, executable.program.outputs, data);
  }

  /** A result may be an input as it stands, or a part of one; what a later step updates in place is copied then. */
  #settle(values: readonly Value[], computed: readonly Value[], data: Environment): void {
    values.forEach((value, i) => {
      value.settle(this.ownData(inMemory(data.get(computed[i]!)!)));
    });
  }

  #runNow(name: string, inputs: KernelInputs, attrs: tf.NamedAttrMap): tf.TensorInfo | tf.TensorInfo[] {
    const plain = (info: tf.TensorInfo | tf.TensorInfo[]): Plain | Plain[] =>
      Array.isArray(info) ? info.map((one) => plain(one) as Plain) : this.#plain(info);
    const given = Array.isArray(inputs)
      ? inputs.map((info) => plain(info) as Plain)
      : Object.fromEntries(Object.entries(inputs).flatMap(([key, info]) => (info ? [[key, plain(info)]] : [])));
    const { outputs, isList } = runPortable(name, given, attrs);
    const results = outputs.map((output) => this.#own(output));
    return isList ? results : results[0]!;
  }

  #plain({ dataId, shape, dtype }: tf.TensorInfo): Plain {
    if (dtype !== 'complex64') return { data: this.readSync(dataId) as TensorData, shape, dtype };
    const { real, imag } = this.complexParts({ dataId, shape, dtype });
    const part = (info: tf.TensorInfo): PlainTensor => ({
      data: this.readSync(info.dataId) as TensorData,
      shape,
      dtype: 'float32',
    });
    return { real: part(real), imag: part(imag), shape, dtype };
  }

  #own(plain: Plain): tf.TensorInfo {
    if (plain.dtype !== 'complex64') {
      const { data, shape, dtype } = plain as PlainTensor;
      return this.own(data, shape, dtype);
    }
    const { real, imag, shape } = plain as Extract<Plain, { dtype: 'complex64' }>;
    return this.complexOf(this.own(real.data, shape, 'float32'), this.own(imag.data, shape, 'float32'));
  }
}

/** A leaf on the device if it is there, else in memory. */
function datumOf(leaf: Value): Datum {
  return (leaf.device as DeviceTensor | null) ?? leaf.data!;
}

/** Kernels whose recorders know complex64 and strings; all others are left to the portable kernels. */
const ANY_DTYPE = new Set(['Identity', 'Reshape', 'ExpandDims', 'Real', 'Imag', 'Complex']);

function isPlain(name: string, inputs: KernelInputs): boolean {
  if (ANY_DTYPE.has(name)) return true;
  for (const info of Object.values(inputs)) {
    if (info && (Array.isArray(info) || info.dtype === 'complex64' || info.dtype === 'string')) return false;
  }
  return true;
}

/** Below this, a second thread gains less than its start costs. */
const ONE_THREAD_WORK = 1 << 20;
