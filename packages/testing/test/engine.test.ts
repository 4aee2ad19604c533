import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, it } from 'vitest';
import { testBackend } from '../src/index.js';

beforeAll(() => tf.setBackend('cpu'));

testBackend({ describe, it }, 'tfjs-backend-onnxruntime', { backend: 'onnxruntime' });
