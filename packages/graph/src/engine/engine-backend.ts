import { EngineError } from '@diptych/core';
import type * as tf from '@tensorflow/tfjs-core';
import { engine } from '@tensorflow/tfjs-core';
import { extractProgram, type Program } from '../program.js';
import type { NamedInputs } from '../recorder.js';
import { RECORDERS } from '../recorders/index.js';
import { type KernelInputs, RecordingBackend } from '../recording-backend.js';
import type { TensorData, Value } from '../value.js';
import type { TensorStore } from './compile/tensor-store.js';
import type { HostTools } from './host/host-kernel.js';
import { runOnHost } from './host/host-kernels.js';
import { type Plain, type PlainTensor, runPortable } from './host/portable-kernels.js';
import { createPhiloxUniform } from './wasm/philox-uniform.js';

/** Calls of one kernel: recorded for the engine, and run at once by tfjs-backend-cpu. */
export interface KernelCalls {
  native: number;
  fallback: number;
}

/** What every engine counts. */
export interface EngineCounters {
  kernels: Record<string, KernelCalls>;
  /** Programs that ran in JavaScript because they were small. */
  portablePrograms: number;
}

/**
 * A tfjs backend that records kernels and has an engine run them, with all that does not depend on the engine: what cannot be
 * recorded runs on tfjs-backend-cpu, and so does little work.
 */
export abstract class EngineBackend extends RecordingBackend implements TensorStore {
  /** What host kernels share. */
  readonly tools: HostTools;
  abstract readonly counters: EngineCounters;

  /** @param kernels the engine's own forms of what runs in JavaScript */
  constructor(label: string, kernels: HostTools['kernels'] = {}) {
    super(label);
    this.tools = { philox: createPhiloxUniform(), kernels };
  }

  /** Runs a program in the engine, and settles its outputs. */
  protected abstract runProgram(program: Program): void;

  /** True for a program that is not worth the engine. */
  protected abstract isSmall(program: Program): boolean;

  makeTensor(info: tf.TensorInfo): tf.Tensor {
    return engine().makeTensorFromTensorInfo(info, this);
  }

  isUpdatedInPlace(_data: TensorData): boolean {
    return false;
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
    if (!entry.value.isKnown) this.flush([entry]);
    return entry.value.data!;
  }

  protected override evaluate(values: readonly Value[]): void {
    const program = extractProgram(values);
    if (program.inputs.some((leaf) => !leaf.isKnown)) {
      throw new EngineError({
        where: this.label,
        problem:
          'a tensor that was made inside a compiled function is used outside, where its arguments have no values',
        remedy: 'return it from the function',
      });
    }
    if (this.isSmall(program)) this.#interpret(program);
    else this.runProgram(program);
  }

  #interpret(program: Program): void {
    this.counters.portablePrograms++;
    const data = new Map<Value, TensorData>(program.inputs.map((leaf) => [leaf, leaf.data!]));
    for (const node of program.nodes) {
      const results = runOnHost(
        node,
        node.inputs.map((input) => data.get(input)!),
        this.tools,
      );
      node.outputs.forEach((output, i) => {
        data.set(output, results[i]!);
      });
    }
    // A result may be an input as it stands, or a part of one; what a later step updates in place is copied then.
    for (const value of program.outputs) value.settle(this.ownData(data.get(value)!));
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

/** Kernels whose recorders know complex64 and strings; all others are left to the portable kernels. */
const ANY_DTYPE = new Set(['Identity', 'Reshape', 'ExpandDims', 'Real', 'Imag', 'Complex']);

function isPlain(name: string, inputs: KernelInputs): boolean {
  if (ANY_DTYPE.has(name)) return true;
  for (const info of Object.values(inputs)) {
    if (info && (Array.isArray(info) || info.dtype === 'complex64' || info.dtype === 'string')) return false;
  }
  return true;
}
