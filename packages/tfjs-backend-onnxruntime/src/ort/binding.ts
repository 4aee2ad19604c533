import { createRequire } from 'node:module';
import type { OnnxDtype } from '../onnx/graph.js';
import { OrtError, toOrtError } from './ort-error.js';
import { DeviceValue, isHostValue, type NativeTensor, nativeHostValue, type OrtValue } from './ort-value.js';

/**
 * Every call to onnxruntime-node is in this file.
 *
 * It uses `onnxruntime-node/dist/binding.js` of 1.30.0, which is private: the public API runs sessions behind
 * promises, and `dataSync()` of tfjs cannot wait. `binding.test.ts` is the contract that another version has to meet.
 */
const requireHere = createRequire(import.meta.url);
const BINDING = 'onnxruntime-node/dist/binding.js';

/** How a session is built and run. Absent options keep ONNX Runtime's defaults. */
export interface OrtSessionOptions {
  /** In order of preference; `cpu` alone by default. */
  executionProviders?: readonly (string | { name: string; [option: string]: unknown })[];
  /** `disabled` builds fast, `all` optimises graphs with constant weights. */
  graphOptimizationLevel?: 'disabled' | 'basic' | 'extended' | 'all';
  /** Threads inside an operator; all physical cores by default. */
  intraOpNumThreads?: number;
  enableCpuMemArena?: boolean;
  enableMemPattern?: boolean;
  /** Writes a Chrome trace of every node to `<profileFilePrefix>_<time>.json` when the session ends profiling. */
  enableProfiling?: boolean;
  profileFilePrefix?: string;
  /** Saves the graph as ONNX Runtime's optimiser left it. */
  optimizedModelFilePath?: string;
  /** Where outputs stay: `gpu-buffer` keeps them on a WebGPU device. One for all, or one for each output. */
  preferredOutputLocation?: OrtLocation | Readonly<Record<string, OrtLocation>>;
  /** Content of external data files by the location that the model names: weights without a file on disk. */
  externalData?: readonly { path: string; data: Uint8Array }[];
  /** 0 verbose, 1 info, 2 warning, 3 error, 4 fatal (default: what fails is thrown, so that no log line is needed). */
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
  /** Session configuration entries, such as `{ 'session.intra_op.allow_spinning': '0' }`. */
  config?: Readonly<Record<string, string>>;
}

/** Memory that holds a value. */
export type OrtLocation = 'cpu' | 'gpu-buffer';

/** An input or output as the session declares it; unknown dimensions are their symbol, or '' where they have none. */
export interface OrtMetadata {
  name: string;
  dtype: OnnxDtype | 'other';
  shape: (number | string)[];
}

/** A loaded model. */
export interface OrtSession {
  readonly inputs: readonly OrtMetadata[];
  readonly outputs: readonly OrtMetadata[];
  /**
   * Runs synchronously.
   *
   * @param feeds a value for each input
   * @param fetches wanted outputs: a value is written in place (no allocation), null is allocated by ONNX Runtime
   * @returns the outputs; for a preallocated one the value that was passed
   * @throws OrtError `shape`, `memory` or `run`; the session can be used again
   */
  run(feeds: OrtValues, fetches: OrtFetches): Record<string, OrtValue>;
  /** Writes the profile, when profiling was enabled. */
  endProfiling(): void;
  /**
   * Ends the use of the session. Its weights and memory arena are freed at once, or with the last of its outputs that is
   * still on a device: that memory is the session's to give back. Safe to call twice.
   */
  dispose(): void;
}

/** Values by input name. */
export type OrtValues = Readonly<Record<string, OrtValue>>;

/** Preallocated values, or null, by output name. */
export type OrtFetches = Readonly<Record<string, OrtValue | null>>;

/** Whether ONNX Runtime can be used here. */
export type OrtProbe = { available: true; executionProviders: string[] } | { available: false; error: OrtError };

/**
 * Loads the native library, if there is one for this platform; never throws. A program that wants another backend
 * where ONNX Runtime has none asks this first.
 */
export function probeOrt(): OrtProbe {
  try {
    const { binding } = openBinding();
    return { available: true, executionProviders: binding.listSupportedBackends().map(({ name }) => name) };
  } catch (error) {
    return { available: false, error: error as OrtError };
  }
}

/**
 * Builds a session.
 *
 * @param model bytes of a ModelProto, or the path of a model file (needed when its external data lies beside it)
 * @throws OrtError `platform` without a native build, `model` when the graph is refused, `memory`
 */
export function createSession(model: Uint8Array | string, options: OrtSessionOptions = {}): OrtSession {
  const { binding, initOrt } = openBinding();
  initOrt();
  const native = new binding.InferenceSession();
  const nativeOptions = toNativeOptions(options);
  try {
    if (typeof model === 'string') native.loadModel(model, nativeOptions);
    else native.loadModel(model.buffer, model.byteOffset, model.byteLength, nativeOptions);
  } catch (cause) {
    throw toOrtError('model', cause, typeof model === 'string' ? model : `${model.byteLength} bytes`);
  }
  return new NativeSession(native);
}

/**
 * The native module.
 *
 * @param load for tests: what resolves and loads the module
 * @throws OrtError `platform`
 */
export function openBinding(load: (id: string) => unknown = requireHere): NativeModule {
  try {
    return load(BINDING) as NativeModule;
  } catch (cause) {
    throw new OrtError(
      'platform',
      {
        where: 'onnxruntime-node',
        expected: 'a native build (linux x64 and arm64 with glibc, macOS arm64, Windows x64 and arm64)',
        got: `${process.platform} ${process.arch}`,
        problem: cause instanceof Error ? cause.message.split('\n')[0] : String(cause),
        remedy: 'use @tensorflow/tfjs-backend-wasm here, or install onnxruntime-node 1.30.0 where it is missing',
      },
      cause,
    );
  }
}

class NativeSession implements OrtSession {
  readonly inputs: readonly OrtMetadata[];
  readonly outputs: readonly OrtMetadata[];
  #native: NativeInferenceSession | undefined;
  /** Outputs on a device that are not disposed. Freeing one after its session ends the process (1.30.0). */
  #onDevice = 0;
  #disposed = false;

  constructor(native: NativeInferenceSession) {
    this.#native = native;
    this.inputs = native.inputMetadata.map(toMetadata);
    this.outputs = native.outputMetadata.map(toMetadata);
  }

  run(feeds: OrtValues, fetches: OrtFetches): Record<string, OrtValue> {
    const native = this.#open();
    let results: Record<string, NativeTensor>;
    try {
      results = native.run(feeds, fetches, RUN_OPTIONS);
    } catch (cause) {
      throw toOrtError('run', cause, describe({ ...feeds, ...fetches }));
    }
    const values: Record<string, OrtValue> = {};
    for (const name in fetches) values[name] = fetches[name] ?? this.#wrap(results[name]!);
    return values;
  }

  endProfiling(): void {
    this.#open().endProfiling();
  }

  dispose(): void {
    this.#disposed = true;
    this.#freeUnused();
  }

  #wrap(tensor: NativeTensor): OrtValue {
    if (tensor.location !== 'gpu-buffer') return nativeHostValue(tensor);
    this.#onDevice++;
    return new DeviceValue(tensor, () => {
      this.#onDevice--;
      this.#freeUnused();
    });
  }

  #freeUnused(): void {
    if (!this.#disposed || this.#onDevice > 0) return;
    this.#native?.dispose();
    this.#native = undefined;
  }

  #open(): NativeInferenceSession {
    if (this.#native && !this.#disposed) return this.#native;
    throw new OrtError('run', { where: 'onnxruntime session', problem: 'used after dispose()' });
  }
}

const RUN_OPTIONS = Object.freeze({});

/** Shapes of the values of a failed run; a few dozen tell enough. */
function describe(values: Readonly<Record<string, OrtValue | null>>): string {
  const shown = Object.entries(values).flatMap(([name, value]) =>
    value
      ? [`${name}: ${value.dtype} [${value.dims}]${isHostValue(value) && value.isDetached ? ' detached' : ''}`]
      : [],
  );
  return shown.length > 24 ? `${shown.slice(0, 24).join(', ')} and ${shown.length - 24} more` : shown.join(', ');
}

function toNativeOptions({ config, logSeverityLevel = 4, ...options }: OrtSessionOptions): Record<string, unknown> {
  const profiled = options.enableProfiling ? { profileFilePrefix: 'onnxruntime_profile', ...options } : options;
  const present = Object.entries(profiled).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(present), logSeverityLevel, ...(config && { extra: config }) };
}

function toMetadata(raw: NativeMetadata): OrtMetadata {
  return {
    name: raw.name,
    dtype: DTYPE_NAMES[raw.type] ?? 'other',
    shape: (raw.shape ?? []).map((size, i) => (size >= 0 ? size : (raw.symbolicDimensions[i] ?? ''))),
  };
}

/** ONNX's TensorProto.DataType numbers. */
const DTYPE_NAMES: Readonly<Record<number, OnnxDtype>> = {
  1: 'float32',
  2: 'uint8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
};

/** The private module, as 1.30.0 has it. */
interface NativeModule {
  binding: {
    InferenceSession: new () => NativeInferenceSession;
    listSupportedBackends(): { name: string; bundled: boolean }[];
  };
  /** Once a thread; later calls do nothing. */
  initOrt(): void;
}

interface NativeInferenceSession {
  loadModel(path: string, options: object): void;
  loadModel(buffer: ArrayBufferLike, byteOffset: number, byteLength: number, options: object): void;
  readonly inputMetadata: NativeMetadata[];
  readonly outputMetadata: NativeMetadata[];
  run(feeds: object, fetches: object, options: object): Record<string, NativeTensor>;
  endProfiling(): void;
  dispose(): void;
}

interface NativeMetadata {
  name: string;
  isTensor: boolean;
  type: number;
  shape?: number[];
  symbolicDimensions: string[];
}
