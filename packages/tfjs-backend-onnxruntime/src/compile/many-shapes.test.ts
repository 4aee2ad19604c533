import { compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { type OnnxRuntimeBackend, useOnnxRuntime } from '../index.js';

const MIB = 2 ** 20;
const LIMIT = 32 * MIB;
/** Lengths of a batch, each a shape that has to be recorded. One step of the longest works in some 6 MiB. */
const LENGTHS = Array.from({ length: 24 }, (_, i) => 2000 + 25 * i);

/** A step with gradients, in a compiled function, and the same forward pass in eager work. */
function work() {
  const weight = tf.tidy(() => tf.variable(tf.randomNormal([128, 128], 0, 0.05, 'float32', 1)));
  const forward = (x: tf.Tensor) => tf.sum(tf.relu(tf.matMul(x, weight))) as tf.Scalar;
  const step = compile((x: tf.Tensor) => tf.variableGrads(() => forward(x), [weight]).grads[weight.name]!);
  const run = (length: number) =>
    tf.tidy(() => {
      const x = tf.fill([length, 128], 0.01);
      return step(x).dataSync()[0]! + forward(x).dataSync()[0]!;
    });
  return { run, dispose: () => step.dispose() };
}

const residentBytes = () => {
  globalThis.gc?.();
  return process.memoryUsage().rss;
};

describe('sessions of many shapes', () => {
  let backend: OnnxRuntimeBackend;
  afterEach(() => {
    tf.disposeVariables();
    backend.dispose();
  });

  it('are released beyond the limit, and memory stays flat', () => {
    backend = useOnnxRuntime({ sessionCacheBytes: LIMIT, intraOpNumThreads: 1 });
    const { run, dispose } = work();
    const results = LENGTHS.map(run);
    expect(backend.stats().compiled.recorded).toBe(LENGTHS.length);
    const before = residentBytes();
    for (let round = 0; round < 2; round++) {
      LENGTHS.forEach((length, i) => {
        expect(run(length)).toBe(results[i]);
        const { held, bytes } = backend.stats().sessions;
        expect(bytes).toBeLessThanOrEqual(LIMIT);
        expect(held).toBeLessThan(LENGTHS.length);
      });
    }
    // 48 sessions that nobody releases would take 300 MiB; the C library's own holes take up to 70.
    expect(residentBytes() - before).toBeLessThan(4 * LIMIT);
    // What was released is recorded anew.
    expect(backend.stats().compiled.recorded).toBe(3 * LENGTHS.length);
    dispose();
    backend.dispose();
    expect(backend.stats().sessions).toMatchObject({ held: 0, bytes: 0 });
  });

  it('stay while there is room for all', () => {
    backend = useOnnxRuntime({ intraOpNumThreads: 1 });
    const { run, dispose } = work();
    const few = LENGTHS.slice(0, 4);
    for (let round = 0; round < 3; round++) few.map(run);
    expect(backend.stats().compiled.recorded).toBe(few.length);
    const { held } = backend.stats().sessions;
    dispose();
    expect(backend.stats().sessions.held).toBe(held - few.length);
  });
});
