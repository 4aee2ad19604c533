import { ConfigError, checkOptions } from '@diptych/core';
import { extractProgram, Node, type Program, peakBytes, sameShape, Value } from '@diptych/graph';
import {
  type CompileCounters,
  type CompileServices,
  compileFunction,
  EngineBackend,
  type EngineCounters,
  ProgramBudget,
  ProgramCache,
  runPasses,
  separateVariable,
  skippedPasses,
  type Trace,
  workOf,
} from '@diptych/graph/engine';
import type * as tf from '@tensorflow/tfjs-core';
import { CompiledProgram } from './compile/compiled-program.js';
import type { ProgramServices } from './compile/services.js';
import type { DeviceArray } from './device/device-array.js';
import { openDevice } from './device/open-device.js';
import { defaultProgramFolder, ProgramStore } from './device/program-store.js';
import { type CompilerCounters, XlaDevice } from './device/xla-device.js';
import { Executable } from './execution/executable.js';
import { PASSES } from './lowering/index.js';
import { OPTIONS, PRECISIONS, type XlaOptions, type XlaPrecision } from './options.js';

/** What the backend did so far. */
export interface XlaStats extends EngineCounters {
  /** Programs of eager work: built, and used again. */
  eager: { built: number; reused: number };
  /** Functions recorded by compile, and replays of them. */
  compiled: CompileCounters;
  /** What XLA compiled, and what came from disk. */
  compiler: CompilerCounters;
  /** Operations that JavaScript ran between two programs, by kernel: each waits for the device. */
  hostOperations: Record<string, number>;
  /** Arrays on the device, and bytes that went there. */
  device: { arrays: number; bytes: number; uploaded: number };
}

/** Asked for by `compile` of @diptych/nn. */
const COMPILE = Symbol.for('diptych.compile');

/** How a function is compiled, see `compile` of @diptych/nn. */
interface CompileFunctionOptions {
  readonly precision?: XlaPrecision;
}

/** A tfjs backend that records kernels and runs them as programs of XLA. */
export class XlaBackend extends EngineBackend implements CompileServices<CompiledProgram>, ProgramServices {
  readonly options: XlaOptions;
  readonly precision: XlaPrecision;
  /** What functions can be compiled in. */
  readonly precisions = PRECISIONS;
  readonly device: XlaDevice;
  readonly budget: ProgramBudget;
  /** Passes that programs do not go through: none but in tests. */
  readonly skippedPasses: ReadonlySet<string>;
  readonly counters = {
    kernels: {} as EngineCounters['kernels'],
    portablePrograms: 0,
    eager: { built: 0, reused: 0 },
    compiled: { recorded: 0, revalidated: 0, replayed: 0 },
    hostOperations: {} as Record<string, number>,
  };
  readonly #programs: ProgramCache<Executable>;

  /**
   * @throws ConfigError for options that are unknown or mean nothing
   * @throws EngineError where the machine has no plugin; PjrtError where the plugin finds no device
   */
  constructor(options: XlaOptions = {}) {
    super('xla');
    checkOptions('xla', options, OPTIONS);
    const { precision = 'f32', cache = defaultProgramFolder(), programCacheBytes = Number.POSITIVE_INFINITY } = options;
    checkPrecision(precision);
    this.options = options;
    this.precision = precision;
    this.skippedPasses = skippedPasses('xla', options, Object.keys(PASSES));
    this.device = new XlaDevice(() => openDevice(options), cache === false ? null : new ProgramStore(cache));
    this.budget = new ProgramBudget(programCacheBytes);
    this.#programs = new ProgramCache(
      this.budget,
      (program, isConstant) => this.#build(program, isConstant),
      (wasBuilt) => {
        this.counters.eager[wasBuilt ? 'built' : 'reused']++;
      },
    );
  }

  /** Records `fn` once for each kind of arguments and replays it; see `compile` of @diptych/nn. */
  [COMPILE]<Args extends unknown[], Result>(fn: (...args: Args) => Result, options: CompileFunctionOptions = {}) {
    const { precision = this.precision } = options;
    checkPrecision(precision);
    return compileFunction(this, fn, (trace) => new CompiledProgram(this, trace, precision));
  }

  compileTrace(trace: Trace): CompiledProgram {
    return new CompiledProgram(this, trace, this.precision);
  }

  /** Counters since the backend was made. */
  stats(): XlaStats {
    const { arrays, transfers, compiler } = this.device;
    return structuredClone({ ...this.counters, compiler, device: { ...arrays, ...transfers } });
  }

  override memory() {
    return {
      unreliable: true,
      reasons: ['Recorded tensors take no memory until they are computed; programs take more while they run.'],
      numBytesInGPU: this.device.arrays.bytes,
    };
  }

  protected override isSmall(program: Program): boolean {
    const { forceNative, smallWork = 1 << 15 } = this.options;
    // compiling takes milliseconds a node: a long program of small tensors is sooner done than compiled
    if (forceNative || workOf(program) >= Math.max(smallWork, program.nodes.length * NODE_WORK)) return false;
    // what is on the device is not waited for
    return program.inputs.every((leaf) => !leaf.isOnDeviceAlone);
  }

  protected override runProgram(program: Program): void {
    const { executable, leafFor } = this.#programs.obtain(program);
    const values = this.run(executable, leafFor);
    program.outputs.forEach((value, i) => {
      settle(value, values[i]!);
    });
  }

  /** A program as XLA gets it. `isConstant` says which leaves never change. */
  optimize(program: Program, isConstant: (leaf: Value) => boolean): Program {
    return runPasses(PASSES, program, isConstant, this.skippedPasses);
  }

  /** Runs an executable, and counts. */
  run(executable: Executable, leafFor: (leaf: Value) => Value): Value[] {
    const counts = this.counters.hostOperations;
    for (const { op } of executable.hostNodes) counts[op] = (counts[op] ?? 0) + 1;
    return executable.run(leafFor, this.tools);
  }

  #build(program: Program, isConstant: (leaf: Value) => boolean) {
    const optimized = this.optimize(program, isConstant);
    const executable = new Executable(optimized, this.device, { precision: this.precision });
    return { executable, program: optimized, bytes: peakBytes(optimized) };
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    const entry = this.storage.get(dataId);
    if (this.isRecording || entry.parts) return this.readSync(dataId);
    if (!entry.value.isKnown) this.flush([entry]);
    const { value } = entry;
    if (value.isOnDeviceAlone) value.data = await (value.device as DeviceArray).readLater();
    return this.ownData(value.data!);
  }

  /**
   * A leaf with the elements of a tensor, in the tensor's shape. One that is borrowed is disposed by the caller; any other belongs to
   * the tensor.
   */
  leafOf(info: tf.TensorInfo): { value: Value; isBorrowed: boolean } {
    const entry = this.storage.get(info.dataId);
    if (!entry.value.isKnown) this.flush([entry]);
    const { value } = entry;
    if (sameShape(value.shape, info.shape)) return { value, isBorrowed: false };
    return { value: this.#reshaped(value, info.shape), isBorrowed: true };
  }

  /** The state behind a variable, in its shape: what a program reads and may write over. */
  stateOf(variable: tf.Variable): Value {
    separateVariable(this, variable);
    const { value, isBorrowed } = this.leafOf(variable);
    // it is the variable's from now on
    if (isBorrowed) this.replaceState(variable, value);
    return value;
  }

  /** Gives a variable other elements; those that it had are let go. */
  replaceState(variable: tf.Variable, value: Value): void {
    separateVariable(this, variable);
    const entry = this.storage.get(variable.dataId);
    const before = entry.value;
    entry.value = value;
    this.releaseDevice(before);
  }

  /** A tensor of a leaf's elements. */
  ownValue(value: Value, shape: readonly number[], dtype: tf.DataType): tf.TensorInfo {
    const info = this.placeholder(shape, dtype);
    this.storage.get(info.dataId).value = value;
    return info;
  }

  #reshaped(value: Value, shape: readonly number[]): Value {
    if (!value.isOnDeviceAlone) return Value.leaf(value.data!, shape, value.dtype);
    const node = new Node('Reshape', [value], { shape }, ['x']);
    const output = new Value(shape, value.dtype, node);
    node.outputs.push(output);
    this.runProgram(extractProgram([output]));
    return output;
  }

  override dispose(): void {
    this.budget.clear();
    this.device.dispose();
  }
}

/** Elements that JavaScript computes in a good part of the time in which XLA compiles one node. */
const NODE_WORK = 1 << 10;

/** Moves what a run gave to the value that stood for it. */
function settle(value: Value, result: Value): void {
  const { device } = result;
  if (result.isOnDeviceAlone) value.settleOnDevice(device!);
  else {
    value.settle(result.data!);
    value.device = device;
  }
}

function checkPrecision(precision: unknown): void {
  if (PRECISIONS.includes(precision as XlaPrecision)) return;
  throw new ConfigError({
    where: 'xla.precision',
    expected: PRECISIONS.map((name) => `'${name}'`).join(', '),
    got: String(precision),
  });
}
