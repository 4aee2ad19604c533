import '@tensorflow/tfjs-backend-cpu';
import { Generator } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  AdamW,
  FeatureSet,
  InfoNCE,
  MultiModalEncoder,
  Trainer,
  type TrainingEvent,
  type ValidationOptions,
} from '../index.js';

beforeAll(() => tf.setBackend('cpu'));

type Noisy = 'image' | 'text' | 'none';

const [TOPICS, NOISE, TRAINING, HELD_OUT] = [6, 110, 240, 120];

/**
 * Pairs that share a few numbers. One modality also has many numbers of its own, by which a linear tower can tell the training
 * pairs apart, and only these.
 */
function pairs(noisy: Noisy, count: number, seed: number): FeatureSet {
  const generator = new Generator(seed);
  const shared = generator.normal(count * TOPICS);
  const features = (noise: number) => {
    const width = TOPICS + NOISE;
    const data = new Float32Array(count * width);
    const own = generator.normal(count * NOISE);
    for (let row = 0; row < count; row++) {
      data.set(shared.subarray(row * TOPICS, (row + 1) * TOPICS), row * width);
      for (let i = 0; i < NOISE; i++) data[row * width + TOPICS + i] = noise * own[row * NOISE + i]!;
      // what both know is blurred, so that there is something to gain from the noise
      for (let i = 0; i < TOPICS; i++) data[row * width + i]! += 0.7 * generator.normal(1)[0]!;
    }
    return { data, shape: [count, width] as const };
  };
  return new FeatureSet(
    features(noisy === 'image' ? 1 : 0),
    features(noisy === 'text' ? 1 : 0),
    Array.from({ length: count }, (_, i) => `${seed}/${i}`),
  );
}

async function train(noisy: Noisy) {
  const [seen, unseen] = [pairs(noisy, TRAINING, 1), pairs(noisy, HELD_OUT, 2)];
  const model = new MultiModalEncoder({
    image: seen.imageHead({ embedDim: 12, seed: 1 }),
    text: seen.textHead({ embedDim: 12, seed: 2 }),
  });
  const trainer = new Trainer(model, { loss: new InfoNCE(), optimizer: new AdamW({ learningRate: 1e-2 }) });
  const events: TrainingEvent[] = [];
  const inOrder = { batchSize: 40, shuffle: false };
  await trainer.fit(seen.source({ batchSize: 40 }), {
    epochs: 40,
    validate: { towers: { training: seen.source(inOrder), heldOut: unseen.source(inOrder) }, everyEpochs: 5 },
    onEvent: (event) => {
      events.push(event);
    },
  });
  return {
    metrics: events.flatMap((event) => (event.kind === 'validation' ? [event.metrics] : [])),
    warnings: events.flatMap((event) => (event.kind === 'warning' ? [event.message] : [])),
  };
}

describe('validation of one tower at a time', () => {
  it.each([
    ['image', 'text'],
    ['text', 'image'],
  ] as const)('names the %s tower when it is the one that overfits', { timeout: 60_000 }, async (noisy, other) => {
    const { metrics, warnings } = await train(noisy);
    const last = metrics.at(-1)!;
    expect(last[`towers.${noisy}.gapGrowth`]).toBeGreaterThan(0.05);
    expect(Math.abs(last[`towers.${other}.gapGrowth`]!)).toBeLessThan(0.02);
    expect(last['towers.training.mrr']).toBeGreaterThan(3 * last['towers.heldOut.mrr']!);
    expect(last['towers.training.alignment']).toBeLessThan(last['towers.heldOut.alignment']!);
    expect(last[`towers.${noisy}.training.uniformity`]).toBeLessThan(0);
    expect(warnings).toEqual([expect.stringMatching(`the ${noisy} tower overfits`)]);
  });

  it('says nothing where both generalise', { timeout: 60_000 }, async () => {
    const { metrics, warnings } = await train('none');
    expect(warnings).toEqual([]);
    for (const tower of ['image', 'text']) {
      for (const { [`towers.${tower}.gapGrowth`]: growth } of metrics) expect(Math.abs(growth!)).toBeLessThan(0.03);
    }
  });

  it('refuses too few pairs, other pairs than before, and nothing to compute', async () => {
    const set = pairs('none', 12, 1);
    const model = new MultiModalEncoder({ image: set.imageHead({ embedDim: 4 }), text: set.textHead({ embedDim: 4 }) });
    const trainer = new Trainer(model, { loss: new InfoNCE() });
    const some = set.source({ batchSize: 3, shuffle: false });
    const fit = (validate: ValidationOptions) => trainer.fit(some, { epochs: 3, validate, onEvent: () => {} });
    await expect(fit({ towers: { training: some, heldOut: some, pairs: 1 } })).rejects.toThrow(/at least two held-out/);
    let reading = 0;
    const shuffled = { epoch: () => set.source({ batchSize: 4, seed: reading++ }).epoch(0) };
    await expect(fit({ towers: { training: some, heldOut: shuffled } })).rejects.toThrow(/other held-out pairs/);
    await expect(fit({ monitor: 'x' })).rejects.toThrow(/one of retrieval, run and towers, got none/);
  });
});
