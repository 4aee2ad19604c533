import { compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { OrtError, type OrtFailure, useOnnxRuntime } from './index.js';

/** What `act` throws, which has to be an OrtError. */
function failure(act: () => unknown): OrtError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(OrtError);
    return error as OrtError;
  }
  throw new Error('expected an error');
}

/** Bytes no machine has: 2^43 elements. */
const HUGE = [2 ** 21, 2 ** 22] as const;
const outer = () => tf.matMul(tf.fill([HUGE[0], 1], 2), tf.fill([1, HUGE[1]], 3));

/** Work that fails inside ONNX Runtime, with what the message has to name. */
const FAILURES: readonly [string, OrtFailure, () => tf.Tensor, RegExp][] = [
  ['a result that does not fit into memory', 'memory', outer, /MatMul.*2097152,4194304/s],
  ['an intermediate that does not', 'memory', () => tf.sum(tf.exp(outer())), /MatMul|Exp/],
  [
    'an index out of range',
    'run',
    // Indices that are computed are not known when the kernel is recorded.
    () => tf.gather(tf.range(0, 50_000), tf.mul(tf.range(0, 50_000, 1, 'int32'), tf.scalar(2, 'int32'))),
    /Gather.*50000/s,
  ],
];

describe('errors of the backend', () => {
  afterEach(() => {
    useOnnxRuntime();
  });

  it.each(FAILURES)('say which operator, which shapes and what to do: %s', (_, kind, make, words) => {
    useOnnxRuntime({ forceNative: true });
    const before = tf.memory().numTensors;
    const other = tf.add(tf.tensor1d([1, 2]), 1);
    for (const fn of [make, compile(make)]) {
      const error = failure(() => tf.tidy(() => void fn().dataSync()));
      expect(error.code).toBe('engine');
      expect(error.failure).toBe(kind);
      expect(error.message).toMatch(words);
      expect(error.remedy).toBeTruthy();
    }
    expect([...other.dataSync()]).toEqual([2, 3]);
    other.dispose();
    expect(tf.memory().numTensors).toBeLessThanOrEqual(before + 1);
    expect(compile((x: tf.Tensor) => tf.mul(x, 2))(tf.scalar(4)).dataSync()[0]).toBe(8);
  });

  it('tell a session that cannot be built, and other options work afterwards', () => {
    useOnnxRuntime({ forceNative: true, session: { config: { 'session.load_model_format': 'ORT' } } });
    const double = () => tf.tidy(() => tf.add(tf.ones([3]), tf.ones([3])).dataSync());
    for (let time = 0; time < 2; time++) {
      const error = failure(double);
      expect(error.failure).toBe('model');
      expect(error.remedy).toMatch(/session/);
    }
    useOnnxRuntime({ forceNative: true });
    expect([...double()]).toEqual([2, 2, 2]);
  });
});
