import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { RECORDERS } from '../recorders/index.js';
import type { EngineBackend } from './engine-backend.js';

/** Registers all kernels under `name`: those that are recorded, and those that tfjs-backend-cpu has besides. */
export function registerKernels(name: string): void {
  const portable = tf.getKernelsForBackend('cpu').map(({ kernelName }) => kernelName);
  for (const kernelName of new Set([...portable, ...Object.keys(RECORDERS)])) {
    if (tf.getKernel(kernelName, name)) continue;
    tf.registerKernel({
      kernelName,
      backendName: name,
      kernelFunc: ({ inputs, attrs, backend }) => (backend as EngineBackend).runKernel(kernelName, inputs, attrs ?? {}),
    });
  }
}
