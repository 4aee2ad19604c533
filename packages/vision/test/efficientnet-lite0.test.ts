import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { resolve } from 'node:path';
import { inference } from '@diptych/core';
import { imageTransform, transformBatch } from '@diptych/preprocess/image';
import { openSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { findModel } from '../../weights/test/real-model.js';
import { imageEncoderFromPretrained } from '../src/index.js';

// Real weights on real pictures. The expected numbers come from reference/convert_efficientnet_lite0.py.

const root = resolve(import.meta.dirname, '../../..');
const { folder, reason } = findModel({
  name: 'EfficientNet-Lite0',
  asked: process.env.DIPTYCH_LITE0,
  cached: '.cache/efficientnet-lite0/model',
  script: 'packages/vision/scripts/fetch-lite0.mjs',
  megabytes: 19,
});

const PICTURES = ['astronaut', 'chelsea', 'coffee'];
const [TABBY, EGYPTIAN] = [281, 285];
const ESPRESSO = 967;

describe.skipIf(reason)('EfficientNet-Lite0 as trained on ImageNet', () => {
  /** Our numbers for the pictures from their files, and the largest difference to PyTorch's beside its largest value. */
  async function run(backend: string, count: number, expectedName: 'logits' | 'embeddings') {
    await tf.setBackend(backend);
    const expected = openSafetensors(resolve(import.meta.dirname, '__fixtures__/efficientnet-lite0.safetensors'));
    const wanted = expected.read(expectedName).data as Float32Array;
    const model = await imageEncoderFromPretrained(folder, expectedName === 'logits' ? { embedDim: 1000 } : {});
    expect(model.report!.complete).toBe(true);
    expect(model.report!.fresh).toEqual([]);
    const files = PICTURES.slice(0, count).map((name) => resolve(root, `golden/resize/sources/${name}.png`));
    const { data, shape } = await transformBatch(files, imageTransform(model.transform!));
    const values = tf.tidy(() => {
      const pixels = tf.tensor4d(data as Float32Array, shape as [number, number, number, number]);
      return model.encode(pixels, inference).pooled.dataSync<'float32'>().slice();
    });
    const width = model.embedDim;
    model.dispose();
    const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0);
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const rows = Array.from({ length: count }, (_, i) => values.subarray(i * width, (i + 1) * width));
    return { rows, relative: worst / largest };
  }

  const best = (row: Float32Array) => row.indexOf(Math.max(...row));

  it("gives PyTorch's logits within 1e-5, and knows a cat and a cup of coffee", async () => {
    const { rows, relative } = await run('onnxruntime', 3, 'logits');
    expect(relative).toBeLessThan(1e-5);
    const [, cat, coffee] = rows.map(best);
    expect(cat).toBeGreaterThanOrEqual(TABBY);
    expect(cat).toBeLessThanOrEqual(EGYPTIAN);
    expect(coffee).toBe(ESPRESSO);
    console.log(
      `EfficientNet-Lite0, 3 photographs: largest difference to PyTorch ${relative.toExponential(2)} of the largest logit`,
    );
  });

  it("gives PyTorch's embeddings within 1e-5 without the classifier", async () => {
    expect((await run('onnxruntime', 3, 'embeddings')).relative).toBeLessThan(1e-5);
  });

  it("also on tfjs's own backend", { timeout: 120_000 }, async () => {
    expect((await run('cpu', 1, 'logits')).relative).toBeLessThan(1e-5);
  });
});
