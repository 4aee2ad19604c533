import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectSameRun } from './same-run.js';
import { type TenSteps, tenSteps } from './ten-steps.js';

describe('the example’s model, ten steps', () => {
  let expected: TenSteps;
  const on = async (backend: string) => {
    expect(await tf.setBackend(backend)).toBe(true);
    return tenSteps('example');
  };
  beforeAll(async () => {
    expected = await on('cpu');
  });

  it.each(['wasm', 'onnxruntime'])(
    'on %s starts from the weights of tfjs-backend-cpu and follows it',
    async (backend) => {
      expectSameRun(await on(backend), expected);
    },
  );

  it('learns', () => {
    expect(expected.losses.at(-1)).toBeLessThan(0.5 * expected.losses[0]!);
  });
});
