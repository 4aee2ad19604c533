import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { testCompiledEncoder } from '@diptych/testing';
import * as tf from '@tensorflow/tfjs-core';
import { describe, it } from 'vitest';
import { SMALL_ENCODERS } from './small-encoders.js';

for (const [name, { make, size }] of Object.entries(SMALL_ENCODERS)) {
  testCompiledEncoder({ describe, it }, name, {
    create: make,
    input: (batch, seed) => tf.randomNormal([batch, size, size, 3], 0, 1, 'float32', seed),
    backend: 'onnxruntime',
    tolerance: { values: 1e-4, gradients: 1e-3 },
  });
}
