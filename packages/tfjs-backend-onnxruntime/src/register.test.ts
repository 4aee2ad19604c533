import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, it, vi } from 'vitest';
import { BACKEND_NAME, OrtError } from './index.js';
import { registerDefault } from './register.js';

afterEach(() => {
  vi.restoreAllMocks();
  registerDefault();
  tf.setBackend(BACKEND_NAME);
});

it('is what tfjs prefers', async () => {
  await tf.ready();
  expect(tf.getBackend()).toBe(BACKEND_NAME);
});

it('leaves the choice to tfjs on a platform without a build, and says what to do', async () => {
  tf.removeBackend(BACKEND_NAME);
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const parts = { where: 'onnxruntime-node', problem: 'no build', remedy: 'use @tensorflow/tfjs-backend-wasm here' };
  registerDefault({ available: false, error: new OrtError('platform', parts) });
  expect(warn.mock.calls[0]![0]).toMatch(/no build.*tfjs-backend-wasm.*not registered/s);
  expect(tf.findBackendFactory(BACKEND_NAME)).toBeFalsy();
  await tf.ready();
  expect(tf.getBackend()).toBe('cpu');
  expect([...tf.add(tf.tensor1d([1, 2]), 1).dataSync()]).toEqual([2, 3]);
});
