import { checkText } from '@diptych/core';
import { registerKernels } from '@diptych/graph/engine';
import * as tf from '@tensorflow/tfjs-core';
import { OnnxRuntimeBackend, type OnnxRuntimeOptions } from './backend.js';
import { type OrtProbe, probeOrt } from './ort/index.js';

/** The name under which the backend is registered. */
export const BACKEND_NAME = 'onnxruntime';

/** Above tfjs-backend-cpu (1), wasm (2) and webgpu (3). */
const PRIORITY = 4;

/**
 * Registers the backend with options of your own, and selects it. Importing the package registers it with defaults;
 * this replaces that registration.
 *
 * @throws OrtError (`platform`) where ONNX Runtime has no native build
 */
export function useOnnxRuntime(options: OnnxRuntimeOptions = {}, name = BACKEND_NAME): OnnxRuntimeBackend {
  const probe = probeOrt();
  if (!probe.available) throw probe.error;
  checkText('useOnnxRuntime', 'the name', name);
  // before another one of the name goes: it may refuse its options
  const backend = new OnnxRuntimeBackend(options);
  registerKernels(name);
  if (tf.findBackendFactory(name)) tf.removeBackend(name);
  tf.registerBackend(name, () => backend, PRIORITY);
  tf.setBackend(name);
  return backend;
}

/**
 * Registers the backend under its name, if this platform has ONNX Runtime and nobody registered it before. Where it has
 * none, says so and leaves the choice to tfjs.
 */
export function registerDefault(probe: OrtProbe = probeOrt()): void {
  if (tf.findBackendFactory(BACKEND_NAME)) return;
  if (!probe.available) {
    console.warn(`${probe.error.message}\nThe onnxruntime backend is not registered; tfjs uses the next best one.`);
    return;
  }
  registerKernels(BACKEND_NAME);
  tf.registerBackend(BACKEND_NAME, () => new OnnxRuntimeBackend(), PRIORITY);
}
