import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { testCompiledEncoder } from '@diptych/testing';
import { describe, it } from 'vitest';
import { batchOf, SMALL_ENCODERS } from './small-encoders.js';

for (const [name, create] of Object.entries(SMALL_ENCODERS)) {
  testCompiledEncoder({ describe, it }, name, {
    create,
    input: batchOf,
    backend: 'onnxruntime',
    tolerance: { values: 1e-5, gradients: 1e-4 },
    noise: 1e-5,
  });
}
