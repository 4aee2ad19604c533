import '@tensorflow/tfjs-backend-cpu';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inference } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import {
  AdamW,
  ImageTextMatching,
  InfoNCE,
  MultiModalEncoder,
  storedTargets,
  Trainer,
  WeightedSum,
  withHead,
  withTowers,
} from '@diptych/train';
import { cacheFeatures, embedCollection, trainHeads } from '@diptych/train/node';
import { openSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { eachFolder } from '../../../core/test/each-folder.js';
import { sourceOf, TinyImageEncoder, TinyTextEncoder, tinyBatches } from '../../test/tiny-model.js';
import { tinyLoss, tinyModel } from '../../test/tiny-run.js';

beforeAll(() => tf.setBackend('cpu'));

let folder: string;
eachFolder('frozen', (path) => {
  folder = path;
});

const towers = (seed = 1) => ({
  image: new TinyImageEncoder({ batchNorm: true, seed }),
  text: new TinyTextEncoder({ seed }),
});

describe('cacheFeatures', () => {
  it('runs the towers once for the same weights and key', async () => {
    let epochs = 0;
    const source = {
      epoch: () => {
        epochs++;
        return tinyBatches(3, 6);
      },
    };
    const options = { folder, key: { data: 'tiny', transform: 1 } };
    const first = await cacheFeatures(towers(), source, options);
    const second = await cacheFeatures(towers(), source, options);
    expect(epochs).toBe(1);
    expect(second.ids).toEqual(first.ids);
    expect(second.image).toEqual(first.image);
    await cacheFeatures(towers(2), source, options);
    await cacheFeatures(towers(), source, { folder, key: { data: 'other' } });
    expect(epochs).toBe(3);
    expect(readdirSync(folder)).toHaveLength(3);
    expect([...first.image.data.subarray(0, 8)]).toEqual([
      ...tf
        .slice(
          towers().image.encode(tf.tensor4d(tinyBatches(3, 6)[0]!.pixels.data as Float32Array, [6, 4, 4, 3]), inference)
            .pooled,
          0,
          1,
        )
        .dataSync(),
    ]);
  });

  it('trains heads on the features, with a fusion or without, and puts them on their towers', async () => {
    const both = towers();
    const features = await cacheFeatures(both, sourceOf(tinyBatches(4, 6)), { folder, key: 1 });
    const model = new MultiModalEncoder({
      image: features.imageHead({ embedDim: 5, seed: 3 }),
      text: features.textHead({ embedDim: 5, seed: 4 }),
      fusion: new AttentionFusion({ embedDim: 5, numHeads: 1 }),
    });
    const trainer = new Trainer(model, { loss: tinyLoss(), optimizer: new AdamW({ learningRate: 0.05 }) });
    const losses: number[] = [];
    await trainer.fit(features.source({ batchSize: 8, seed: 1 }), {
      epochs: 6,
      onStep: ({ loss }) => {
        losses.push(loss);
      },
    });
    expect(losses).toHaveLength(18);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);

    model.logitScale.assign(tf.scalar(3));
    const whole = withTowers(model, both);
    expect(whole.logitScale.dataSync()).toEqual(model.logitScale.dataSync());
    expect([whole.fusion, whole.matcher]).toEqual([model.fusion, model.matcher]);
    expect(() => withTowers(model, { image: both.image })).toThrow(/text: expected the tower/);
    expect(() => withTowers(whole, both)).toThrow(/image: expected a model whose part is a feature head/);
    const batch = tinyBatches(1, 6)[0]!;
    const embedded = whole.encodeImage(tf.tensor4d(batch.pixels.data as Float32Array, [6, 4, 4, 3])).pooled;
    expect(embedded.shape).toEqual([6, 5]);
    expect([...whole.namedParameters()].map(([name]) => name)).toContain('image.head.weight');
    expect([...whole.namedParameters()].map(([name]) => name)).toContain('text.tower.fc.weight');
  });

  it('are one call, evaluated over all rows', async () => {
    const source = sourceOf(tinyBatches(4, 6));
    const { model, fit, evaluation } = await trainHeads(towers(), source, {
      embedDim: 5,
      cache: { folder, key: 1 },
      model: { fusion: new AttentionFusion({ embedDim: 5, numHeads: 1 }), logitScale: 1 },
      trainer: {
        loss: new WeightedSum([
          { name: 'contrastive', loss: new InfoNCE() },
          { name: 'matching', loss: new ImageTextMatching() },
        ]),
        optimizer: new AdamW({ learningRate: 0.05 }),
      },
      batchSize: 10,
      fit: { epochs: 4 },
      heldOut: source,
    });
    expect(fit.steps).toBe(8);
    expect(evaluation).toMatchObject({ pairs: 24 });
    expect(model.matcher).toBeDefined();
    expect(model.logitScale.dataSync()[0]).not.toBeCloseTo(Math.log(1 / 0.07), 2);
    expect([...model.namedParameters()].map(([name]) => name)).toContain('image.head.weight');
  });

  it('gives every pair once an epoch, in an order of seed and epoch', async () => {
    const features = await cacheFeatures(towers(), sourceOf(tinyBatches(2, 5)), { folder, key: 1 });
    const order = (seed: number, epoch: number) =>
      [
        ...(features.source({ batchSize: 4, seed, dropLast: false }).epoch(epoch) as Iterable<{ ids: string[] }>),
      ].flatMap(({ ids }) => ids);
    expect(order(0, 0)).toEqual(order(0, 0));
    expect(order(0, 1)).not.toEqual(order(0, 0));
    expect(order(1, 0)).not.toEqual(order(0, 0));
    expect([...order(0, 0)].sort()).toEqual([...features.ids].sort());
    const { inOrder } = features.source({ batchSize: 4 });
    expect([...(inOrder!() as Iterable<{ ids: string[] }>)].flatMap(({ ids }) => ids)).toEqual(features.ids);
    expect(() => features.source({ batchSize: 11 })).toThrow(/between 1 and 10/);
  });

  it('refuses a source without pairs, and heads of another width', async () => {
    await expect(cacheFeatures(towers(), { epoch: () => [] }, { folder, key: 1 })).rejects.toThrow(/expected pairs/);
    const features = await cacheFeatures(towers(), sourceOf(tinyBatches(1, 5)), { folder, key: 1 });
    const head = features.imageHead({ embedDim: 4 });
    expect(() => withHead(new TinyImageEncoder({ embedDim: 3 }), head)).toThrow(/width 8/);
    const tokens = { inputIds: tf.ones([2, 2], 'int32'), attentionMask: tf.ones([2, 2], 'int32') } as never;
    expect(() => features.textHead({ embedDim: 4 }).encode(tokens)).toThrow(/withTowers/);
  });
});

describe('embedCollection', () => {
  const source = () => sourceOf(tinyBatches(5, 7));

  it('writes unit vectors with ids in shards', async () => {
    const result = await embedCollection(tinyModel(), source(), { folder, shardSize: 10 });
    expect(result).toMatchObject({ rows: 35, resumed: 0, complete: true });
    expect(readdirSync(folder).sort()).toEqual([0, 1, 2, 3].map((i) => `embeddings-00000${i}.safetensors`));
    const last = openSafetensors(result.shards[3]!);
    expect(JSON.parse(last.metadata.ids!)).toEqual([30, 31, 32, 33, 34].map((i) => `pair ${i}`));
    const { data, shape } = last.read('image');
    expect(shape).toEqual([5, 8]);
    expect(Math.hypot(...data.subarray(0, 8))).toBeCloseTo(1, 5);
  });

  it('goes on where an interrupted run stopped, with the same result', async () => {
    const whole = await embedCollection(tinyModel(), source(), { folder: join(folder, 'whole'), shardSize: 10 });
    const stop = new AbortController();
    const cut = { folder: join(folder, 'cut'), shardSize: 10 };
    const first = await embedCollection(tinyModel(), source(), {
      ...cut,
      signal: stop.signal,
      onProgress: (rows) => {
        if (rows >= 21) stop.abort();
      },
    });
    expect(first).toMatchObject({ rows: 20, complete: false });
    const second = await embedCollection(tinyModel(), source(), cut);
    expect(second).toMatchObject({ rows: 35, resumed: 20, complete: true });
    for (const [i, path] of whole.shards.entries()) {
      const [a, b] = [openSafetensors(path), openSafetensors(second.shards[i]!)];
      expect(b.metadata).toEqual(a.metadata);
      for (const tower of ['image', 'text']) {
        const [x, y] = [a.read(tower).data, b.read(tower).data];
        for (let j = 0; j < x.length; j++) expect(y[j]).toBeCloseTo(x[j]!, 5);
      }
    }
    expect(await embedCollection(tinyModel(), source(), cut)).toMatchObject({ rows: 35, resumed: 30 });
  });

  it('refuses a folder with another collection', async () => {
    await embedCollection(tinyModel(), source(), { folder, shardSize: 10, towers: ['text'] });
    await expect(embedCollection(tinyModel(), source(), { folder, shardSize: 10 })).rejects.toThrow(/image,text.*text/);
    const other = sourceOf(tinyBatches(5, 7).map((batch) => ({ ...batch, ids: batch.ids.map((id) => `x${id}`) })));
    await expect(embedCollection(tinyModel(), other, { folder, shardSize: 10, towers: ['text'] })).rejects.toThrow(
      /row 0/,
    );
  });
});

describe('storedTargets', () => {
  it('looks rows up by id', () => {
    const image = { data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] as const };
    const targets = storedTargets({ ids: ['pair 1', 'pair 0'], image });
    const [batch] = tinyBatches(1, 2);
    expect([...targets(batch!).image!.data]).toEqual([3, 4, 1, 2]);
    expect(() => targets(tinyBatches(1, 3)[0]!)).toThrow(/none for "pair 2"/);
  });
});
