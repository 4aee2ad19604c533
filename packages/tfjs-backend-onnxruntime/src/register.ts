import { checkText } from '@diptych/core';
import { RECORDERS } from '@diptych/graph';
import * as tf from '@tensorflow/tfjs-core';
import { OnnxRuntimeBackend, type OnnxRuntimeOptions } from './backend.js';
import { type OrtProbe, probeOrt } from './ort/index.js';

/** The name under which the backend is registered. */
export const BACKEND_NAME = 'onnxruntime';

/** Above tfjs-backend-cpu (1), wasm (2) and webgpu (3). */
const PRIORITY = 4;

/** Registers all kernels under `name`: those that are recorded, and those that tfjs-backend-cpu has besides. */
export function registerKernels(name: string): void {
  const portable = tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName);
  for (const kernelName of new Set([...portable, ...Object.keys(RECORDERS)])) {
    if (tf.getKernel(kernelName, name)) continue;
    tf.registerKernel({
      kernelName,
      backendName: name,
      kernelFunc: ({ inputs, attrs, backend }) =>
        (backend as OnnxRuntimeBackend).runKernel(kernelName, inputs, attrs ?? {}),
    });
  }
}

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
