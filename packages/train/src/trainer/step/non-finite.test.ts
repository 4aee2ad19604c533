import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import type { PairBatch } from '@diptych/core';
import type { TrainingEvent } from '@diptych/train';
import { stateDict } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { sourceOf, tinyBatches } from '../../../test/tiny-model.js';
import { tinyModel, tinyTrainer } from '../../../test/tiny-run.js';

/** Three batches, the second with a pixel that is not a number. */
function sickBatches(): PairBatch[] {
  const batches = tinyBatches(3, 6);
  (batches[1]!.pixels.data as Float32Array)[7] = Number.NaN;
  return batches;
}

describe.each(['cpu', 'onnxruntime'])('values that are not finite, on %s', (backend) => {
  it('stop the run before they change anything, and are named with their pairs', async () => {
    await tf.setBackend(backend);
    const model = tinyModel();
    const trainer = tinyTrainer(model);
    await trainer.fit(sourceOf(sickBatches()), { steps: 1 });
    const before = await stateDict(model);
    const events: TrainingEvent[] = [];
    const run = trainer.fit(sourceOf(sickBatches()), {
      steps: 2,
      onEvent: (event) => {
        events.push(event);
      },
    });
    await expect(run).rejects.toThrow(/step 1: pixels is not finite.*pair 6/);
    expect(events).toEqual([
      { kind: 'nonFinite', step: 1, tensor: 'pixels', ids: [6, 7, 8, 9, 10, 11].map((i) => `pair ${i}`) },
    ]);
    expect(await stateDict(model)).toEqual(before);
  });

  it('can be skipped', async () => {
    await tf.setBackend(backend);
    const model = tinyModel();
    const bad: number[] = [];
    const result = await tinyTrainer(model, { nonFinite: 'skip' }).fit(sourceOf(sickBatches()), {
      steps: 6,
      onEvent: () => {},
      onStep: ({ step, nonFinite }) => {
        if (nonFinite !== undefined) bad.push(step);
      },
    });
    expect(result.steps).toBe(6);
    expect(bad).toEqual([2, 5]);
    for (const [name, { data }] of await stateDict(model)) expect(data.every(Number.isFinite), name).toBe(true);
  });

  it('stop the run when skipping does not end', async () => {
    await tf.setBackend(backend);
    const source = sourceOf(sickBatches().slice(1, 2));
    const run = tinyTrainer(tinyModel(), { nonFinite: 'skip' }).fit(source, { steps: 40, onEvent: () => {} });
    await expect(run).rejects.toThrow(/10 bad steps in a row/);
  });

  it.each([['a parameter', 'text.fc.weight', (model: ReturnType<typeof tinyModel>) => model]])(
    'names %s',
    async (_, name, of) => {
      await tf.setBackend(backend);
      const model = of(tinyModel());
      const variable = [...model.namedParameters()].find(([key]) => key === name)![1];
      variable.assign(tf.fill(variable.shape, Number.NaN));
      const run = tinyTrainer(model).fit(sourceOf(tinyBatches(1, 6)), { steps: 1, onEvent: () => {} });
      await expect(run).rejects.toThrow(`${name} is not finite`);
    },
  );

  it('names the first module whose output overflows', async () => {
    await tf.setBackend(backend);
    const model = tinyModel();
    const weight = [...model.namedParameters()].find(([key]) => key === 'image.fc.weight')![1];
    weight.assign(tf.fill(weight.shape, 3e38));
    const run = tinyTrainer(model).fit(sourceOf(tinyBatches(1, 6)), { steps: 1, onEvent: () => {} });
    await expect(run).rejects.toThrow(/image\.fc is not finite/);
  });
});
