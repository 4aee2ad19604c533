import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it, vi } from 'vitest';
import { type Compiled, compile } from './index.js';

const COMPILE = Symbol.for('diptych.compile');

describe('compile', () => {
  it('runs the function in a tidy where the backend cannot compile', () => {
    const square = compile((x: tf.Tensor) => ({ y: tf.square(tf.square(x)) }));
    const x = tf.tensor1d([2]);
    const before = tf.memory().numTensors;
    const { y } = square(x);
    expect(tf.memory().numTensors).toBe(before + 1);
    expect(y.dataSync()[0]).toBe(16);
    square.dispose();
  });

  it('hands the function to a backend that can, found at the call', () => {
    const dispose = vi.fn();
    const backend = tf.backend() as unknown as Record<symbol, unknown>;
    const compiled = compile((x: number) => x + 1);
    backend[COMPILE] = (fn: (x: number) => number): Compiled<[number], number> =>
      Object.assign((x: number) => 10 * fn(x), { dispose });
    try {
      expect(compiled(1)).toBe(20);
      expect(compiled(2)).toBe(30);
      compiled.dispose();
      expect(dispose).toHaveBeenCalledOnce();
    } finally {
      delete backend[COMPILE];
    }
    expect(compiled(1)).toBe(2);
  });
});
