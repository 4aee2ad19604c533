import '@diptych/tfjs-backend-onnxruntime';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Matrix, type PairBatch } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import {
  AdamW,
  Classification,
  embedPairs,
  InfoNCE,
  LabelLoss,
  MultiModalEncoder,
  Regression,
  Trainer,
  WeightedSum,
} from '@diptych/train';
import { cacheFeatures } from '@diptych/train/node';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { sourceOf, TinyImageEncoder, TinyTextEncoder, tinyBatches } from '../../test/tiny-model.js';

beforeAll(() => tf.setBackend('onnxruntime'));

/** Labels that follow from the pictures: the sign of a pixel, two signs at once, a number. One pair has none. */
function labelled(): PairBatch[] {
  return tinyBatches(4, 8).map((batch, b) => {
    const at = (row: number, entry: number) => batch.pixels.data[row * 48 + entry]!;
    const rows = Array.from({ length: batch.size }, (_, row) => row);
    const missing = (row: number) => b === 0 && row === 0;
    return {
      ...batch,
      labels: {
        kind: Int32Array.from(rows, (row) => (missing(row) ? -1 : at(row, 0) > 0 ? 1 : 0)),
        marks: Float32Array.from(rows.flatMap((row) => [at(row, 1) > 0 ? 1 : 0, at(row, 2) > 0 ? 1 : 0])),
        size: Float32Array.from(rows, (row) => (missing(row) ? Number.NaN : at(row, 3))),
      },
    };
  });
}

const heads = () => ({
  kind: new Classification({ embedDim: 8, classes: ['low', 'high'], seed: 1 }),
  marks: new Classification({ embedDim: 8, classes: 2, multiLabel: true, on: 'image', seed: 2 }),
  size: new Regression({ embedDim: 8, seed: 3 }),
});

const model = () =>
  new MultiModalEncoder({
    image: new TinyImageEncoder(),
    text: new TinyTextEncoder(),
    fusion: new AttentionFusion({ embedDim: 8, numHeads: 2 }),
    matcher: false,
    heads: heads(),
  });

describe('heads', () => {
  it('learn labels beside the contrast, and are scored by evaluate', { timeout: 60_000 }, async () => {
    const whole = model();
    expect([...whole.namedParameters()].map(([name]) => name)).toContain('heads.kind.linear.weight');
    const trainer = new Trainer(whole, {
      loss: new WeightedSum([
        { name: 'contrastive', loss: new InfoNCE() },
        { name: 'labels', loss: new LabelLoss({ weights: { size: 0.5 } }) },
      ]),
      optimizer: new AdamW({ learningRate: 2e-2 }),
    });
    const before = await trainer.evaluate(sourceOf(labelled()));
    let parts: Readonly<Record<string, number>> = {};
    await trainer.fit(sourceOf(labelled()), {
      steps: 120,
      onStep: (report) => {
        parts = report.parts;
      },
    });
    expect(Object.keys(parts)).toEqual(expect.arrayContaining(['labels.kind', 'labels.marks', 'labels.size']));
    const after = await trainer.evaluate(sourceOf(labelled()));
    expect(before.labels!.kind!.items).toBe(31);
    expect(after.labels!.kind!.accuracy).toBeGreaterThan(before.labels!.kind!.accuracy!);
    expect(after.labels!.kind!.auroc).toBeGreaterThan(0.9);
    expect(after.labels!.marks).toMatchObject({ items: 32 });
    expect(after.labels!.size!.r2).toBeGreaterThan(before.labels!.size!.r2!);
    const { predictions } = await embedPairs(whole, sourceOf(labelled()), { predictions: true });
    const [shares] = whole.heads.byName!.kind!.values(predictions!.kind!).toArray();
    expect(shares![0]! + shares![1]!).toBeCloseTo(1, 5);
    trainer.dispose();
  });

  it('are described with the model', () => {
    const { options } = model().describe();
    expect(options.heads).toMatchObject({
      kind: { kind: 'train/classification', options: { classes: ['low', 'high'], on: 'fused' } },
      size: { kind: 'train/regression', options: { outputs: 1 } },
    });
  });

  it('find their labels in stored features', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'diptych-heads-'));
    const towers = { image: new TinyImageEncoder(), text: new TinyTextEncoder() };
    await cacheFeatures(towers, sourceOf(labelled()), { folder, key: 1 });
    const { labels } = await cacheFeatures(towers, { epoch: () => [] }, { folder, key: 1 });
    expect(labels.kind).toEqual(Int32Array.from(labelled().flatMap((batch) => [...batch.labels!.kind!])));
    expect(labels.marks).toHaveLength(64);
    rmSync(folder, { recursive: true });
  });

  it('say what is wrong', async () => {
    const parts = { image: new TinyImageEncoder(), text: new TinyTextEncoder() };
    const kind = new Classification({ embedDim: 8, classes: 2 });
    expect(() => new MultiModalEncoder({ ...parts, heads: { kind } })).toThrow(/no fusion.*on: 'image'/s);
    expect(() => new Classification({ embedDim: 8, classes: 1 })).toThrow(/two classes or more, got 1/);
    expect(() => new Classification({ embedDim: 8, classes: 3, classWeights: [1, 2] })).toThrow(/3 classWeights/);
    const narrow = new Regression({ embedDim: 4, on: 'text' });
    expect(() => new MultiModalEncoder({ ...parts, heads: { narrow } })).toThrow(/heads.narrow: expected embedDim 8/);
    expect(() => new MultiModalEncoder({ ...parts, heads: { 'a.b': narrow } })).toThrow(/letters and digits/);
    const fit = (batches: PairBatch[], loss: LabelLoss) =>
      new Trainer(model(), { loss }).fit(sourceOf(batches), { steps: 1 });
    await expect(fit(tinyBatches(1, 4), new LabelLoss())).rejects.toThrow(/column "kind" of labels.*got no labels/s);
    const colour = new LabelLoss({ weights: { colour: 1 } });
    expect(() => new Trainer(model(), { loss: colour })).toThrow(/with heads.colour, got one without/);
    // a model of your own need not say which heads it has
    const outputs = { heads: { kind } } as never;
    expect(() => colour.compute(outputs, { size: 1 } as never)).toThrow(/no head "colour"/);
    expect(() => kind.metrics(new Matrix(new Float32Array(4), [2, 2]), Int32Array.of(1))).toThrow(/shape \[2\]/);
  });
});
