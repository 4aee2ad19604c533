import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import { AdamW, type TrainingEvent } from '@diptych/train';
import { stateDict } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { sourceOf, tinyBatches } from '../../../test/tiny-model.js';
import { tinyModel, tinyTrainer } from '../../../test/tiny-run.js';

async function train(chunkSize: number | undefined, batchNorm: boolean) {
  const model = tinyModel({ batchNorm });
  // the first step of Adam turns rounding noise into whole steps: a large eps keeps it proportional
  const optimizer = new AdamW({ learningRate: 0.1, eps: 1e-2 });
  const trainer = tinyTrainer(model, { chunkSize, optimizer });
  const events: TrainingEvent[] = [];
  const losses: number[] = [];
  await trainer.fit(sourceOf(tinyBatches(2, 10)), {
    steps: 4,
    onStep: ({ loss }) => {
      losses.push(loss);
    },
    onEvent: (event) => {
      events.push(event);
    },
  });
  const state = await stateDict(model);
  trainer.dispose();
  model.dispose();
  return { losses, state, events };
}

describe.each(['cpu', 'onnxruntime'])('two-pass accumulation on %s', (backend) => {
  it.each([1, 3, 5, 7])('in chunks of %d equals the whole batch, dropout included', async (chunkSize) => {
    await tf.setBackend(backend);
    const whole = await train(undefined, false);
    const chunked = await train(chunkSize, false);
    for (const [i, loss] of chunked.losses.entries()) expect(loss).toBeCloseTo(whole.losses[i]!, 4);
    for (const [name, { data }] of chunked.state) {
      const wanted = whole.state.get(name)!.data;
      for (let i = 0; i < data.length; i++) expect(Math.abs(data[i]! - wanted[i]!), name).toBeLessThan(1e-5);
    }
    expect(chunked.events).toEqual([]);
  });

  it('warns of batch norm and moves its statistics once a step, by the mean over the chunks', async () => {
    await tf.setBackend(backend);
    const { events, state } = await train(5, true);
    expect(events).toMatchObject([{ kind: 'warning', message: expect.stringMatching(/1 batch norm layers/) }]);
    const whole = await train(undefined, true);
    const [mean, wanted] = [state, whole.state].map((of) => of.get('image.bn.running_mean')!.data);
    // the mean of equal chunks' means is the batch's mean; weights differ after the first step
    for (let i = 0; i < mean!.length; i++) expect(Math.abs(mean![i]! - wanted![i]!)).toBeLessThan(0.05);
  });

  it('keeps no tensors', async () => {
    await tf.setBackend(backend);
    await train(3, true);
    const before = tf.memory().numTensors;
    await train(3, true);
    expect(tf.memory().numTensors).toBe(before);
  });
});
