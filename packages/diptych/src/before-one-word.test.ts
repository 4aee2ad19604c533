import '@tensorflow/tfjs-backend-cpu';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FusedOutputs, PairBatch } from '@diptych/core';
import { AttentionFusion } from '@diptych/fusion';
import { BagOfTokens } from '@diptych/text';
import { AdamW, ImageTextMatching, InfoNCE, MultiModalEncoder, Trainer, WeightedSum } from '@diptych/train';
import { SmallCNN } from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { load } from './index.js';

// A checkpoint and a model folder that commit 44d4a98 wrote (format 1: names `image_encoder.*`, `text_encoder.*`,
// `fusion_layer.*`), and what that code computed from them on tfjs-backend-cpu. The model is without dropout, whose masks
// are drawn by a module's path.
const FIXTURE = join(import.meta.dirname, '__fixtures__/before-one-word');

interface Expected {
  readonly image: readonly number[];
  readonly text: readonly number[];
  readonly match: number;
  /** Of steps 5 to 9. */
  readonly losses: readonly number[];
  /** The text embedding with averaged weights at step 4. */
  readonly averages: readonly number[];
}
const expected = JSON.parse(readFileSync(join(FIXTURE, 'expected.json'), 'utf8')) as Expected;
const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 5));

const SIZE = 4;
const LENGTH = 5;
const batch = (b: number): PairBatch => ({
  size: SIZE,
  pixels: {
    data: Float32Array.from({ length: SIZE * 8 * 8 * 3 }, (_, i) => Math.sin(i * 0.37 + b)),
    shape: [SIZE, 8, 8, 3],
  },
  tokens: {
    shape: [SIZE, LENGTH],
    inputIds: Int32Array.from({ length: SIZE * LENGTH }, (_, i) => (i * 7 + b * 3) % 10),
    attentionMask: Int32Array.from({ length: SIZE * LENGTH }, (_, i) => (i % LENGTH < 3 ? 1 : 0)),
  },
  ids: Array.from({ length: SIZE }, (_, i) => `pair ${b * SIZE + i}`),
});
const source = { epoch: () => [0, 1, 2].map(batch), batchesPerEpoch: 3 };
const picture = { data: Uint8Array.from({ length: 360 }, (_, i) => (i * 10) % 256), width: 12, height: 10 };

/** The model of the checkpoint; its first weights do not matter. */
function untrained() {
  return new MultiModalEncoder({
    image: new SmallCNN({ embedDim: 8, imageSize: 8, channels: [4, 6] }),
    text: new BagOfTokens({ vocabSize: 10, embedDim: 8 }),
    fusion: new AttentionFusion({ embedDim: 8, numHeads: 2, normalize: true, placeholders: true }),
    logitBias: 0,
  });
}

describe('what was written before a part had one word', () => {
  let folder: string;
  beforeEach(async () => {
    await tf.setBackend('cpu');
    folder = mkdtempSync(join(tmpdir(), 'before-'));
    cpSync(FIXTURE, folder, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('loads as a model folder', async () => {
    const model = await load(join(folder, 'model'));
    expect((await model.embedImages([picture])).toArray()[0]).toEqual(near(expected.image));
    expect((await model.embedText(['a red heart'])).toArray()[0]).toEqual(near(expected.text));
    expect([...(await model.matchLogits([picture], ['a red heart']))]).toEqual(near([expected.match]));
    model.dispose();
  });

  it('resumes with the losses of a run that never stopped', async () => {
    const model = untrained();
    const trainer = new Trainer(model, {
      equalCaptions: false, // as it was then: some of these pairs have one caption
      loss: new WeightedSum<FusedOutputs>([
        { name: 'contrastive', loss: new InfoNCE() },
        { name: 'matching', loss: new ImageTextMatching(), weight: 0.5 },
      ]),
      optimizer: new AdamW({
        learningRate: 1e-2,
        weightDecay: 0.1,
        groups: { text: { learningRate: 5e-3 }, matcher: { learningRate: 2e-2 } },
      }),
      clipNorm: 1,
      seed: 7,
      ema: { decay: 0.9 },
    });
    expect(await trainer.resume(folder)).toBe(true);
    expect(trainer.step).toBe(4);
    const ids = [2, 5, 6, 7, 3];
    const embedded = await trainer.withAverages(() => {
      const text = { inputIds: tf.tensor([ids], [1, 5], 'int32'), attentionMask: tf.ones([1, 5], 'int32') };
      const { pooled } = model.encodeText(text);
      return [...tf.div(pooled, tf.norm(pooled)).dataSync()];
    });
    expect(embedded).toEqual(near(expected.averages));
    const losses: number[] = [];
    await trainer.fit(source, {
      steps: 9,
      onStep: ({ loss }) => {
        losses.push(loss);
      },
    });
    // float32 through five steps
    expect(losses).toEqual(expected.losses.map((loss) => expect.closeTo(loss, 4)));
    trainer.dispose();
    model.dispose();
  });
});
