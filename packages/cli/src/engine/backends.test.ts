import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { useBackend } from './backends.js';

describe('--backend', () => {
  it.each(['cpu', 'wasm', 'onnxruntime'] as const)('%s can train', async (name) => {
    await useBackend(name);
    expect(tf.getBackend()).toBe(name);
    // what the trial left behind
    expect(tf.memory().numTensors).toBe(0);
  });

  it('xla can train, or it is said how a plugin comes here', async () => {
    const outcome = await useBackend('xla').then(
      () => tf.getBackend(),
      (error: Error) => error.message,
    );
    expect(outcome).toMatch(/^xla$|--backend xla: .*npx diptych-pjrt install cuda13/s);
  });

  it('webgpu can train, or the missing driver is named', async () => {
    const outcome = await useBackend('webgpu').then(
      () => tf.getBackend(),
      (error: Error) => error.message,
    );
    expect(outcome).toMatch(
      /^onnxruntime-webgpu$|--backend webgpu: this engine cannot train here: .* driver is needed/s,
    );
  });
});
