import '@tensorflow/tfjs-backend-cpu';
import { AttentionFusion } from '@diptych/fusion';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { sourceOf, TinyImageEncoder, TinyTextEncoder, tinyBatches } from '../../test/tiny-model.js';
import { AdamW, ImageTextMatching, InfoNCE, MultiModalEncoder, Trainer, WeightedSum, warmupCosine } from '../index.js';

beforeAll(() => tf.setBackend('cpu'));

function newModel() {
  return new MultiModalEncoder({
    image: new TinyImageEncoder({ batchNorm: true }),
    text: new TinyTextEncoder(),
    fusion: new AttentionFusion({ embedDim: 8, numHeads: 2, dropout: 0.1, normalize: true }),
  });
}

function newTrainer(model = newModel()) {
  return new Trainer(model, {
    loss: new WeightedSum([
      { name: 'contrastive', loss: new InfoNCE() },
      { name: 'matching', loss: new ImageTextMatching(), weight: 0.5 },
    ]),
    optimizer: new AdamW({ learningRate: 1e-2, groups: { matcher: { learningRate: 4e-2 } } }),
    schedule: warmupCosine({ total: 40, warmup: 4 }),
    clipNorm: 5,
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
