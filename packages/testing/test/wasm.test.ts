import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, it } from 'vitest';
import { testBackend } from '../src/index.js';

beforeAll(() => tf.setBackend('cpu'));

// It has no kernels for the gradients of convolutions, max-pooling and gather: it infers. Version 4.22 also fails on empty
// tensors.
testBackend({ describe, it }, 'tfjs-backend-wasm', {
  backend: 'wasm',
  gradients: false,
  skip: [/unsortedSegmentSum/, /without entries/],
});
