import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PairBatch, Tokenizer } from '@diptych/core';
import { AdamW, InfoNCE, SigLIP, Trainer } from '@diptych/train';
import { openSafetensors } from '@diptych/weights/node';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { DualEncoder, load, save } from './index.js';

const FIXTURES = fileURLToPath(new URL('../../../golden/dual', import.meta.url));

/** The fixtures hold token ids; this hands them out in the place of texts `0`, `1`, … */
function idTokenizer(ids: ArrayLike<number>, mask: ArrayLike<number>, length: number): Tokenizer {
  return {
    vocabSize: 99,
    padTokenId: 1,
    maxLength: length,
    describe: () => ({ kind: 'test/ids', options: {} }),
    encode: (texts) => {
      const rows = texts.map(Number);
      const take = (from: ArrayLike<number>) =>
        Int32Array.from(rows.flatMap((r) => Array.from({ length }, (_, i) => from[r * length + i]!)));
      return { shape: [rows.length, length], inputIds: take(ids), attentionMask: take(mask) };
    },
  };
}

describe.each(['clip', 'siglip'])('DualEncoder from a %s folder', (name) => {
  const expected = openSafetensors(`${FIXTURES}/${name}.expected.safetensors`);
  const ids = expected.read('input_ids');
  const mask = expected.infos.has('attention_mask')
    ? expected.read('attention_mask').data
    : Float32Array.from(ids.data, () => 1);
  const [rows, length] = ids.shape as [number, number];

  it('gives transformers’ logits', async () => {
    const tokenizer = idTokenizer(ids.data, mask, length);
    const model = await DualEncoder.fromPretrained(`${FIXTURES}/${name}`, { tokenizer });
    const texts = await model.embedText(Array.from({ length: rows }, (_, i) => String(i)));
    const embeds = expected.read('text_embeds');
    expect(texts.shape).toEqual(embeds.shape);
    for (const [i, value] of texts.data.entries()) expect(value).toBeCloseTo(embeds.data[i]!, 5);

    // pixels are given: they go to the tower directly
    const pixels = expected.read('pixel_values');
    const images = tf.tidy(() => {
      const x = tf.transpose(tf.tensor4d(pixels.data, pixels.shape as [number, number, number, number]), [0, 2, 3, 1]);
      return model.encoder.encodeImage(x).pooled;
    });
    const unit = tf.tidy(() => tf.div(images, tf.norm(images, 2, 1, true)));
    const logits = tf.tidy(() => {
      const cosine = tf.matMul(unit, tf.tensor2d(texts.data, [...texts.shape]), false, true);
      const scaled = tf.mul(cosine, tf.exp(model.encoder.logitScale));
      return model.encoder.logitBias ? tf.add(scaled, model.encoder.logitBias) : scaled;
    });
    const wanted = expected.read('logits_per_image').data;
    for (const [i, value] of (await logits.data()).entries())
      expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-4 * 10);
    tf.dispose([images, unit, logits]);
    model.dispose();
  });

  it('classifies by prompts', async () => {
    const tokenizer = idTokenizer(ids.data, mask, length);
    const model = await DualEncoder.fromPretrained(`${FIXTURES}/${name}`, { tokenizer });
    const [height, width] = model.transform.outputShape;
    const picture = { data: new Uint8Array(height * width * 3).fill(99), width, height };
    const [scores] = await model.classify([picture], ['0', '1'], ['{}']);
    expect(scores).toHaveLength(2);
    expect(scores![0]! + scores![1]!).toBeCloseTo(1, 6);
    model.dispose();
  });

  it('is fine-tuned by a Trainer, both towers and the scale', async () => {
    const model = await DualEncoder.fromPretrained(`${FIXTURES}/${name}`, {
      tokenizer: idTokenizer(ids.data, mask, length),
    });
    const { data, shape } = expected.read('pixel_values');
    const nhwc = tf.tidy(() =>
      tf.transpose(tf.tensor4d(data, shape as [number, number, number, number]), [0, 2, 3, 1]),
    );
    const batch: PairBatch = {
      size: rows,
      pixels: { data: nhwc.dataSync<'float32'>(), shape: nhwc.shape },
      tokens: { shape: [rows, length], inputIds: Int32Array.from(ids.data), attentionMask: Int32Array.from(mask) },
      ids: Array.from({ length: rows }, (_, i) => `pair ${i}`),
    };
    const values = () => Array.from(model.encoder.namedParameters(), ([, variable]) => [...variable.dataSync()]);
    const before = values();
    const losses: number[] = [];
    const trainer = new Trainer(model.encoder, {
      loss: name === 'clip' ? new InfoNCE() : new SigLIP(),
      optimizer: new AdamW({ learningRate: 1e-3 }),
    });
    await trainer.fit({ epoch: () => [batch] }, { steps: 20, onStep: ({ loss }) => void losses.push(loss) });
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!);
    const still = values().filter((now, i) => now.every((value, j) => value === before[i]![j]));
    expect(still).toEqual([]);
    trainer.dispose();
    model.dispose();
    nhwc.dispose();
  });
});

it('says which families it knows', async () => {
  const config = JSON.parse(readFileSync(`${FIXTURES}/clip/config.json`, 'utf8'));
  const source = {
    name: 'memory',
    list: async () => ['config.json'],
    read: async () => new TextEncoder().encode(JSON.stringify({ ...config, model_type: 'blip' })),
    openTensors: async () => {
      throw new Error('not asked for');
    },
  };
  await expect(DualEncoder.fromPretrained(source)).rejects.toThrow(/model_type of clip, siglip, got blip/);
});

it('says what is missing, before it loads anything', async () => {
  const before = tf.memory().numTensors;
  await expect(DualEncoder.fromPretrained(`${FIXTURES}/clip`)).rejects.toThrow(
    /expected a tokenizer\.json beside the weights, got none; pass one/,
  );
  expect(tf.memory().numTensors).toBe(before);
});

it('averages the sentences of a label, and refuses templates without a place for it', async () => {
  const expected = openSafetensors(`${FIXTURES}/clip.expected.safetensors`);
  const ids = expected.read('input_ids');
  const tokenizer = idTokenizer(ids.data, expected.read('attention_mask').data, ids.shape[1]!);
  const model = await DualEncoder.fromPretrained(`${FIXTURES}/clip`, { tokenizer });
  const picture = { data: new Uint8Array(32 * 32 * 3).map((_, i) => i % 251), width: 32, height: 32 };
  // the same template twice changes nothing
  const [once] = await model.classify([picture], ['0', '1', '2'], ['{}']);
  const [twice] = await model.classify([picture], ['0', '1', '2'], ['{}', '{}']);
  for (const [i, share] of once!.entries()) expect(twice![i]).toBeCloseTo(share, 5);
  const scale = await model.logitScale();
  const cosines = model
    .similarity(await model.embedImages([picture]), await model.embedText(['0', '1', '2']))
    .toArray()[0]!;
  const powers = cosines.map((cosine) => Math.exp(scale * cosine));
  const total = powers.reduce((sum, power) => sum + power);
  for (const [i, share] of once!.entries()) expect(share).toBeCloseTo(powers[i]! / total, 5);
  await expect(model.classify([picture], ['0'], ['a photo'])).rejects.toThrow(/templates with \{\}/);
  await expect(model.classify([picture], [])).rejects.toThrow(/0 labels/);
  model.dispose();
});

it('takes transform and tokenizer from the files beside the weights, and survives save and load', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dual-'));
  try {
    cpSync(`${FIXTURES}/siglip`, join(folder, 'hub'), { recursive: true });
    const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'photo', 'of', 'cat', 'dog', '.'];
    writeFileSync(join(folder, 'hub/vocab.txt'), `${words.join('\n')}\n`);
    const preprocessor = {
      size: { height: 30, width: 30 },
      resample: 2,
      image_mean: [0.4, 0.5, 0.6],
      image_std: [0.2, 0.2, 0.2],
    };
    writeFileSync(
      join(folder, 'hub/preprocessor_config.json'),
      JSON.stringify({
        do_resize: true,
        do_rescale: true,
        rescale_factor: 1 / 255,
        do_normalize: true,
        ...preprocessor,
      }),
    );
    const model = await DualEncoder.fromPretrained(join(folder, 'hub'));
    const picture = { data: new Uint8Array(40 * 50 * 3).map((_, i) => i % 253), width: 50, height: 40 };
    const [shares] = await model.classify([picture], ['cat', 'dog']);
    expect(shares![0]! + shares![1]!).toBeCloseTo(1, 6);
    expect(JSON.stringify(model.transform.describe())).toMatch(/bilinear/);
    await save(join(folder, 'saved'), model);
    const loaded = await load(join(folder, 'saved'));
    for (const texts of [['a cat'], ['a photo of a dog.', 'cat']]) {
      expect((await loaded.embedText(texts)).data).toEqual((await model.embedText(texts)).data);
    }
    expect((await loaded.embedImages([picture])).data).toEqual((await model.embedImages([picture])).data);
    expect(await loaded.logitScale()).toBe(await model.logitScale());
    model.dispose();
    loaded.dispose();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
