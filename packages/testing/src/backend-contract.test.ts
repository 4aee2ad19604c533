import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendChecks, testBackend } from './backend-contract.js';
import { runChecks } from './check.js';

beforeAll(() => tf.setBackend('cpu'));

testBackend({ describe, it }, 'the reference against itself', { backend: 'cpu' });

describe('a backend with faults', () => {
  /** The reference's kernels, some of them wrong. */
  const faults: Record<string, (result: Float32Array) => void> = {
    Erf: (values) => {
      values[0]! *= 1.01;
    },
    Tanh: (values) => values.fill(Number.NaN),
  };
  beforeAll(() => {
    tf.registerBackend('faulty', () => new MathBackendCPU());
    for (const { kernelName, kernelFunc } of tf.getKernelsForBackend('cpu')) {
      const fault = faults[kernelName];
      tf.registerKernel({
        kernelName,
        backendName: 'faulty',
        kernelFunc: (parameters) => {
          const result = kernelFunc(parameters) as tf.TensorInfo;
          if (fault) fault((parameters.backend as MathBackendCPU).readSync(result.dataId) as Float32Array);
          return result;
        },
      });
    }
  });
  afterAll(() => tf.removeBackend('faulty'));

  it('fails the operations that are wrong, and only those', async () => {
    const failures = await runChecks(backendChecks({ backend: 'faulty' }));
    const names = failures.map(({ name }) => name);
    expect(names).toEqual(['elementwise: tanh', 'elementwise: erf', 'composed: GELU by erf']);
    expect(String(failures[1]!.error)).toMatch(/erf: value differs by .* at flat index 0/);
    expect(tf.getBackend()).toBe('cpu');
  }, 120_000);

  it('may leave out what it cannot do, and must be registered', async () => {
    const checks = backendChecks({ backend: 'faulty', skip: [/tanh|erf/] });
    expect(checks.some(({ name }) => name.includes('erf'))).toBe(false);
    const [failure] = await runChecks(backendChecks({ backend: 'gone' }).slice(0, 1));
    expect(String(failure!.error)).toContain('no backend "gone" is registered');
  });
});
