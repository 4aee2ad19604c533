import '@tensorflow/tfjs-backend-cpu';
import type { FusedOutputs } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { stateDict } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { sourceOf, TinyImageEncoder, TinyTextEncoder, tinyBatches } from '../../test/tiny-model.js';
import {
  AdamW,
  flatMetrics,
  ImageTextMatching,
  InfoNCE,
  MultiModalEncoder,
  Trainer,
  type TrainerOptions,
  type TrainingEvent,
  WeightedSum,
  warmupCosine,
} from '../index.js';

beforeAll(() => tf.setBackend('cpu'));

function newModel() {
  return new MultiModalEncoder({
    image: new TinyImageEncoder({ batchNorm: true }),
    text: new TinyTextEncoder(),
    fusion: new AttentionFusion({ embedDim: 8, numHeads: 2, dropout: 0.1, normalize: true }),
  });
}

function newTrainer(model = newModel(), options: Partial<TrainerOptions<FusedOutputs>> = {}) {
  return new Trainer(model, {
    loss: new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'matching', loss: new ImageTextMatching(), weight: 0.5 },
    ]),
    optimizer: new AdamW({ learningRate: 1e-2, groups: { matcher: { learningRate: 4e-2 } } }),
    schedule: warmupCosine({ total: 40, warmup: 4 }),
    clipNorm: 5,
    ...options,
  });
}

describe('Trainer.fit', () => {
  it('learns, reports each step, and gives the same losses from the same seed', async () => {
    const run = async () => {
      const trainer = newTrainer();
      const losses: number[] = [];
      const result = await trainer.fit(sourceOf(tinyBatches(2, 6)), {
        steps: 40,
        onStep: (report) => {
          losses.push(report.loss);
          expect(Object.keys(report.parts)).toEqual([
            'contrastive',
            'contrastive.scale',
            'matching',
            'matching.matchingAccuracy',
          ]);
          expect(Object.keys(report.towerGradNorms)).toEqual(['image', 'text', 'fusion', 'matcher', 'temperature']);
        },
      });
      expect(result).toMatchObject({ stopped: 'done', steps: 40, epochs: 20 });
      return losses;
    };
    const first = await run();
    expect(first.slice(-4).reduce((a, b) => a + b) / 4).toBeLessThan(0.75 * first[0]!);
    expect(await run()).toEqual(first);
  });

  it('keeps no tensors', async () => {
    const trainer = newTrainer();
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 1 });
    const before = tf.memory().numTensors;
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 5 });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('the branches', () => {
  const state = async (model: ReturnType<typeof newModel>) =>
    new Map([...(await stateDict(model))].map(([name, { data }]) => [name, [...data]]));

  it('freeze and thaw by schedule, running statistics with them', async () => {
    const model = newModel();
    const start = await state(model);
    const trainer = newTrainer(model, {
      freeze: [
        { match: 'image', untilStep: 3 },
        { match: 'text_encoder.embeddings', fromStep: 3 },
      ],
    });
    const moved = (now: Map<string, number[]>, name: string) =>
      now.get(name)!.some((v, i) => v !== start.get(name)![i]);
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 3 });
    const frozen = await state(model);
    for (const name of start.keys()) {
      if (name.startsWith('image_encoder.')) expect(moved(frozen, name), name).toBe(false);
    }
    expect(moved(frozen, 'text_encoder.embeddings.weight')).toBe(true);
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 6 });
    const thawed = await state(model);
    expect(moved(thawed, 'image_encoder.conv.weight')).toBe(true);
    expect(moved(thawed, 'image_encoder.bn.running_mean')).toBe(true);
    expect(thawed.get('text_encoder.embeddings.weight')).toEqual(frozen.get('text_encoder.embeddings.weight'));
    expect(() => newTrainer(newModel(), { freeze: [{ match: 'imgae' }] })).toThrow(/none for imgae/);
    expect(() => newTrainer(newModel(), { freeze: [{ match: 'text', fromStep: 5, untilStep: 5 }] })).toThrow(/before/);
  });

  it('report how far each moves, and a warning when one stands still', async () => {
    const optimizer = new AdamW({ learningRate: 1e-2, groups: { text: { learningRate: 1e-7 } } });
    const trainer = newTrainer(newModel(), { optimizer, rhythmEvery: 1 });
    const ratios: unknown[] = [];
    const events: TrainingEvent[] = [];
    await trainer.fit(sourceOf(tinyBatches(2, 6)), {
      steps: 6,
      onStep: ({ updateRatios, learningRates }) => {
        ratios.push(updateRatios);
        expect(learningRates.image! / learningRates.text!).toBeCloseTo(1e5, -1);
      },
      onEvent: (event) => {
        events.push(event);
      },
    });
    for (const ratio of ratios as { image: number; text: number }[]) {
      expect(ratio.image).toBeGreaterThan(1e-4);
      expect(ratio.text).toBeLessThan(1e-5);
    }
    expect(events).toMatchObject([{ kind: 'warning', message: expect.stringMatching(/text tower hardly learns/) }]);
  });
});

describe('averaged weights', () => {
  it('follow the parameters, and stand in for them while something runs', async () => {
    const model = newModel();
    const trainer = newTrainer(model, { ema: { decay: 0.5 } });
    const name = 'text_encoder.fc.weight';
    const variable = [...model.namedParameters()].find(([key]) => key === name)![1];
    let average = [...variable.dataSync()];
    await trainer.fit(sourceOf(tinyBatches(2, 6)), {
      steps: 5,
      onStep: ({ step }) => {
        const d = Math.min(0.5, (1 + step) / (10 + step));
        average = average.map((value, i) => d * value + (1 - d) * variable.dataSync()[i]!);
      },
    });
    const trained = [...variable.dataSync()];
    await trainer.withAverages(() => {
      for (const [i, value] of variable.dataSync().entries()) expect(value).toBeCloseTo(average[i]!, 5);
    });
    expect([...variable.dataSync()]).toEqual(trained);
    await expect(newTrainer().withAverages(() => 0)).rejects.toThrow(/no `ema`/);
    expect(() => newTrainer(newModel(), { ema: { decay: 1 } })).toThrow(/\(0, 1\)/);
  });
});

describe('validation', () => {
  it('ends the run when nothing gets better', async () => {
    const values = [0.1, 0.3, 0.2, 0.3, 0.1, 0.9];
    let run = 0;
    const result = await newTrainer().fit(sourceOf(tinyBatches(2, 6)), {
      epochs: 10,
      validate: { run: () => ({ recall: values[run++]! }), monitor: 'recall', patience: 3 },
    });
    expect(result).toMatchObject({ stopped: 'early', epochs: 5 });
    const wrong = newTrainer().fit(sourceOf(tinyBatches(2, 6)), {
      epochs: 1,
      validate: { run: () => ({ recall: 1 }), monitor: 'precision' },
    });
    await expect(wrong).rejects.toThrow(/one of recall, got precision/);
  });

  it('embeds, all pairs or the first', async () => {
    const trainer = newTrainer();
    const all = await trainer.embed(sourceOf(tinyBatches(2, 6)));
    expect(all.ids).toHaveLength(12);
    expect(all.image.shape).toEqual([12, 8]);
    expect(Math.hypot(...all.text.data.subarray(0, 8))).toBeCloseTo(1, 5);
    const some = await trainer.embed(sourceOf(tinyBatches(2, 6)), { pairs: 7, normalize: false });
    expect(some.ids).toEqual(all.ids.slice(0, 7));
    expect(some.text.data).toHaveLength(7 * 8);
  });

  it('scores both towers', async () => {
    const trainer = newTrainer();
    const before = await trainer.evaluate(sourceOf(tinyBatches(2, 6)));
    await trainer.fit(sourceOf(tinyBatches(2, 6)), { steps: 40 });
    const after = await trainer.evaluate(sourceOf(tinyBatches(2, 6)));
    expect(after.textToImage.mrr).toBeGreaterThan(before.textToImage.mrr);
    expect(after.towers.image.uniformity).toBeLessThan(0);
    expect(flatMetrics(after)['textToImage.recall@1']).toBe(after.textToImage['recall@1']);
  });
});

describe('fit refuses', () => {
  it('no end, two at a time, an empty source, a chunk of nothing', async () => {
    const trainer = newTrainer();
    await expect(trainer.fit(sourceOf([]), {})).rejects.toThrow(/no end/);
    await expect(trainer.fit(sourceOf([]), { steps: 1 })).rejects.toThrow(/at least one batch.*batchSize/);
    const running = trainer.fit(sourceOf(tinyBatches(1, 4)), { steps: 2 });
    await expect(trainer.fit(sourceOf(tinyBatches(1, 4)), { steps: 1 })).rejects.toThrow(/training already/);
    await running;
    expect(() => newTrainer(newModel(), { chunkSize: 0.5 })).toThrow(/chunkSize/);
  });
});
