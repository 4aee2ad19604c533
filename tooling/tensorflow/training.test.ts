import '@diptych/tfjs-backend-onnxruntime';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { expectSameRun } from '../../tests/same-run.js';
import { MODELS, type ModelName, tenSteps } from '../../tests/ten-steps.js';

describe.each(Object.keys(MODELS) as ModelName[])('ten steps of the model "%s"', (name) => {
  it('have the losses of the onnxruntime backend', async () => {
    expect(await tf.setBackend('onnxruntime')).toBe(true);
    const expected = await tenSteps(name);
    expect(await tf.setBackend('tensorflow')).toBe(true);
    expectSameRun(await tenSteps(name), expected);
  });
});
