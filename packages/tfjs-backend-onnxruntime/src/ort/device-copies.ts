import type { OnnxData, OnnxDtype, OnnxGraph } from '../onnx/graph.js';
import { writeModel } from '../onnx/write-model.js';
import { createSession, type OrtLocation, type OrtSession } from './binding.js';
import type { OrtValue } from './ort-value.js';

/**
 * Copies values between memory and a WebGPU device, by sessions of one `Identity` for each dtype and rank. (The `getData`
 * of 1.30.0's own tensors ends the process with an uncaught native exception.)
 */
export class DeviceCopies {
  readonly #sessions = new Map<string, OrtSession>();

  /** A copy on the device. */
  upload(value: OrtValue): OrtValue {
    return this.#copy(value, 'gpu-buffer');
  }

  /** The elements of a value on the device. */
  download(value: OrtValue): OnnxData {
    return this.#copy(value, 'cpu').data;
  }

  dispose(): void {
    for (const session of this.#sessions.values()) session.dispose();
    this.#sessions.clear();
  }

  #copy(value: OrtValue, location: OrtLocation): OrtValue {
    const key = `${value.dtype} ${value.dims.length} ${location}`;
    let session = this.#sessions.get(key);
    if (!session) {
      session = createSession(writeModel(identity(value.dtype, value.dims.length)), {
        executionProviders: ['webgpu'],
        preferredOutputLocation: location,
      });
      this.#sessions.set(key, session);
    }
    return session.run({ from: value }, { to: null }).to!;
  }
}

function identity(dtype: OnnxDtype, rank: number): OnnxGraph {
  const shape = Array.from({ length: rank }, (_, axis) => `axis${axis}`);
  return {
    nodes: [{ opType: 'Identity', inputs: ['from'], outputs: ['to'], attributes: {} }],
    inputs: [{ name: 'from', dtype, shape }],
    outputs: [{ name: 'to', dtype, shape }],
    initializers: [],
  };
}
