import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { checkGradients, maxError, randn } from '../test/gradient-check.js';
import { type Activation, activate, gelu } from './index.js';

// torch 2: nn.GELU(), nn.GELU('tanh'), x * sigmoid(1.702 x), nn.SiLU(), nn.Tanh(), nn.Hardswish(), nn.ReLU(), nn.ReLU6(),
// nn.Sigmoid(), nn.Hardsigmoid()
const AT = [-2, -0.5, 0, 0.5, 2];
const EXPECTED: Record<Activation, number[]> = {
  gelu: [-0.0455, -0.154269, 0, 0.345731, 1.9545],
  gelu_tanh: [-0.045402, -0.154286, 0, 0.345714, 1.954598],
  quick_gelu: [-0.064341, -0.149612, 0, 0.350388, 1.935659],
  silu: [-0.238406, -0.18877, 0, 0.31123, 1.761594],
  tanh: [-0.964028, -0.462117, 0, 0.462117, 0.964028],
  hardswish: [-0.333333, -0.208333, 0, 0.291667, 1.666667],
  relu: [0, 0, 0, 0.5, 2],
  relu6: [0, 0, 0, 0.5, 2],
  sigmoid: [0.119203, 0.377541, 0.5, 0.622459, 0.880797],
  hardsigmoid: [0.166667, 0.416667, 0.5, 0.583333, 0.833333],
};

describe('activate', () => {
  it.each(Object.keys(EXPECTED) as Activation[])('%s has its values and gradients', (name) => {
    expect(maxError(activate(tf.tensor1d(AT), name), EXPECTED[name])).toBeLessThan(2e-6);
    checkGradients((x) => activate(x, name), [randn([3, 5], 1)], { step: 1e-3 });
  });

  it.each([
    ['relu6', [0, 6]],
    ['hardsigmoid', [0, 1]],
    ['hardswish', [0, 12]],
  ] as const)('%s is cut off far out', (name, ends) => {
    expect(maxError(activate(tf.tensor1d([-12, 12]), name), [...ends])).toBe(0);
  });

  it('gelu is exact far out', () => {
    expect([...gelu(tf.tensor1d([-12, 12])).dataSync()]).toEqual([-0, 12]);
  });
});
