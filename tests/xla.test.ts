import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { useXla } from '@diptych/tfjs-backend-xla';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { cpuPlugin, reason } from '../packages/tfjs-backend-xla/test/cpu-plugin.js';
import { expectSameRun } from './same-run.js';
import { MODELS, type ModelName, tenSteps } from './ten-steps.js';

describe.skipIf(!cpuPlugin)(`ten steps on XLA${reason}`, () => {
  beforeAll(() => {
    useXla({ plugin: cpuPlugin!, cache: false });
  });

  it.each(Object.keys(MODELS) as ModelName[])(
    'of the model %s follow tfjs-backend-cpu',
    { timeout: 600_000 },
    async (name) => {
      await tf.setBackend('cpu');
      const expected = await tenSteps(name);
      await tf.setBackend('xla');
      expectSameRun(await tenSteps(name), expected);
      expect(expected.losses.at(-1)).toBeLessThan(expected.losses[0]!);
    },
  );

  it('leave no operation to JavaScript, and nothing on the device', () => {
    const backend = tf.backend() as ReturnType<typeof useXla>;
    const { hostOperations, device } = backend.stats();
    expect(hostOperations).toEqual({});
    expect(device.arrays).toBe(0);
  });
});
