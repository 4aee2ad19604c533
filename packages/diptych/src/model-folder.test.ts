import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RgbImage, stateless } from '@diptych/core';
import { AttentionFusion, BottleneckFusion, CoAttentionFusion, ConcatMlpFusion, GatedFusion } from '@diptych/fusion';
import { compose, normalize, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer as openTokenizer } from '@diptych/preprocess/text';
import { BagOfTokens, Bert, SmallTransformer } from '@diptych/text';
import { FeatureSet, MultiModalEncoder, withTowers } from '@diptych/train';
import { ResNet, SmallCNN, ViT } from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it } from 'vitest';
import { JointModel, load, save } from './index.js';

const folders: string[] = [];
const folder = () => {
  const path = mkdtempSync(join(tmpdir(), 'model-'));
  folders.push(path);
  return path;
};
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});

const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'red', 'heart', 'cat', '##s'];
const EMBED_DIM = 8;

function vocabulary(): string {
  const path = join(folder(), 'vocab.txt');
  writeFileSync(path, `${WORDS.join('\n')}\n`);
  return path;
}

function picture(seed: number): RgbImage {
  const data = Uint8Array.from({ length: 20 * 24 * 3 }, (_, i) => (i * (seed * 7 + 3)) % 256);
  return { data, width: 24, height: 20 };
}

const transform = compose([resize([16, 16], 'bicubic'), toTensor(), normalize('half')], { decode: { onto: 'white' } });

function small(
  fusion = new AttentionFusion({ embedDim: EMBED_DIM, numHeads: 2 }) as ConstructorParameters<
    typeof MultiModalEncoder
  >[0]['fusion'],
) {
  const encoder = new MultiModalEncoder({
    image: new SmallCNN({ embedDim: EMBED_DIM, imageSize: 16, channels: [4, 8], seed: 1 }),
    text: new BagOfTokens({ vocabSize: WORDS.length, embedDim: EMBED_DIM, seed: 2 }),
    fusion,
    seed: 3,
  });
  return new JointModel({ encoder, transform, tokenizer: openTokenizer(vocabulary()), tokenize: { maxLength: 12 } });
}

describe('save and load', () => {
  it('keep heads on frozen towers, with their fusion, matcher and scale', async () => {
    const width = 6;
    const towers = {
      image: new SmallCNN({ embedDim: width, imageSize: 16, channels: [4] }),
      text: new BagOfTokens({ vocabSize: WORDS.length, embedDim: width }),
    };
    const features = { data: new Float32Array(width), shape: [1, width] as const };
    const set = new FeatureSet(features, features, ['a']);
    const heads = new MultiModalEncoder({
      image: set.imageHead({ embedDim: EMBED_DIM }),
      text: set.textHead({ embedDim: EMBED_DIM }),
      fusion: new AttentionFusion({ embedDim: EMBED_DIM, numHeads: 2 }),
      logitScale: 1.5,
      logitBias: -2,
    });
    const parts = { transform, tokenizer: openTokenizer(vocabulary()) };
    const paths = [folder(), folder()] as const;
    await save(paths[0], { encoder: heads, ...parts });
    const whole = new JointModel({ encoder: withTowers(heads, towers), ...parts });
    await save(paths[1], whole);
    const loadedHeads = await load(paths[0]);
    expect(loadedHeads.encoder.image.embedDim).toBe(EMBED_DIM);
    const loaded = await load(paths[1]);
    expect((await loaded.embedText(['a cat'])).data).toEqual((await whole.embedText(['a cat'])).data);
    expect(await loaded.match(picture(1), 'a cat')).toBeCloseTo(await whole.match(picture(1), 'a cat'), 6);
    expect(await loaded.logitScale()).toBeCloseTo(Math.exp(1.5), 5);
    for (const model of [loadedHeads, loaded, whole]) model.dispose();
  });

  it('free what was built when something else cannot be, and name all unknown kinds at once', async () => {
    const path = folder();
    const model = small();
    await save(path, model);
    model.dispose();
    const file = join(path, 'model.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8'));
    const write = (change: (options: Record<string, unknown>) => void) => {
      const changed = structuredClone(manifest);
      change(changed.model.options);
      writeFileSync(file, JSON.stringify(changed));
    };
    const before = tf.memory().numTensors;
    write((options) =>
      Object.assign(options, { text: { kind: 'my/text', options: {} }, fusion: { kind: 'my/fusion', options: {} } }),
    );
    await expect(load(path)).rejects.toThrow(/got my\/text, my\/fusion; .*'my\/text': \(options\) => …, 'my\/fusion'/);
    write((options) => Object.assign(options.fusion as object, { options: { embedDim: EMBED_DIM, numHeads: 3 } }));
    await expect(load(path)).rejects.toThrow(/fusion|nn/);
    write((options) =>
      Object.assign(options, { text: { kind: 'text/bag-of-tokens', options: { vocabSize: 4, embedDim: 5 } } }),
    );
    await expect(load(path)).rejects.toThrow(/one embedDim/);
    write((options) => Object.assign(options, { text: 'bert' }));
    await expect(load(path)).rejects.toThrow(/a part with kind and options, got "bert"/);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('give the same model: embeddings, similarities and matches', async () => {
    const model = small();
    const path = folder();
    await save(path, model);
    const loaded = await load(path);
    const pictures = [picture(1), picture(2), picture(3)];
    const texts = ['a red heart', 'cats'];
    const images = await model.embedImages(pictures);
    const words = await model.embedText(texts);
    expect(images.shape).toEqual([3, EMBED_DIM]);
    expect((await loaded.embedImages(pictures, { batchSize: 2 })).toArray()).toEqual(
      images.toArray().map((row) => row.map((x) => expect.closeTo(x, 5))),
    );
    expect((await loaded.embedText(texts)).data).toEqual(words.data);
    const scores = model.similarity(images, words);
    expect(scores.shape).toEqual([3, 2]);
    expect(Math.hypot(...images.row(0))).toBeCloseTo(1, 5);
    expect(Math.abs(scores.row(1)[1]!)).toBeLessThanOrEqual(1.00001);
    const match = await model.match(pictures[0]!, texts[0]!);
    expect(match).toBeGreaterThan(0);
    expect(match).toBeLessThan(1);
    expect(await loaded.match(pictures[0]!, texts[0]!)).toBeCloseTo(match, 5);
    expect(await loaded.logitScale()).toBeCloseTo(1 / 0.07, 3);
    model.dispose();
    loaded.dispose();
  });

  it('leave no tensor behind', async () => {
    const path = folder();
    const model = small();
    await save(path, model);
    model.dispose();
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) {
      const loaded = await load(path);
      await loaded.embedText(['a cat']);
      await loaded.matchLogits([picture(1)], ['a cat']);
      loaded.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it('write no path of this machine and no vocabulary into the manifest', async () => {
    const path = folder();
    const model = small();
    await save(path, model);
    model.dispose();
    const manifest = readFileSync(join(path, 'model.json'), 'utf8');
    expect(manifest).not.toContain(tmpdir());
    expect(manifest).not.toContain('heart');
    expect(readdirSync(join(path, 'tokenizer'))).toContain('vocab.txt');
  });

  it.each([
    ['co-attention', () => new CoAttentionFusion({ embedDim: EMBED_DIM, numHeads: 2 })],
    ['bottleneck', () => new BottleneckFusion({ embedDim: EMBED_DIM, numHeads: 2 })],
    ['gated', () => new GatedFusion({ embedDim: EMBED_DIM })],
    ['concat-mlp', () => new ConcatMlpFusion({ embedDim: EMBED_DIM })],
  ])('know the %s fusion', async (_, make) => {
    const path = folder();
    const model = small(make());
    await save(path, model);
    const loaded = await load(path);
    expect(await loaded.match(picture(1), 'a cat')).toBeCloseTo(await model.match(picture(1), 'a cat'), 5);
    model.dispose();
    loaded.dispose();
  });

  it('know encoders with architectures', async () => {
    const encoder = new MultiModalEncoder({
      image: new ResNet({ block: 'basic', layers: [1, 1, 1, 1], width: 4 } as never, { embedDim: EMBED_DIM }),
      text: new Bert(
        {
          vocabSize: WORDS.length,
          hiddenSize: 8,
          numLayers: 1,
          numHeads: 2,
          intermediateSize: 16,
          maxPositions: 16,
        } as never,
        { embedDim: EMBED_DIM },
      ),
    });
    const model = new JointModel({
      encoder,
      transform: compose([resize([32, 32], 'bicubic'), toTensor(), normalize('half')]),
      tokenizer: openTokenizer(vocabulary()),
      tokenize: { maxLength: 12 },
    });
    const path = folder();
    await save(path, model);
    const loaded = await load(path);
    const [a, b] = [await model.embedText(['a red cat']), await loaded.embedText(['a red cat'])];
    expect(b.data).toEqual(a.data);
    await expect(loaded.match(picture(1), 'a cat')).rejects.toThrow(/no fusion/);
    model.dispose();
    loaded.dispose();
  });

  it('take parts of a kind of one’s own from `parts`', async () => {
    const own = (scale: number) => ({
      ...stateless,
      embedDim: EMBED_DIM,
      encode: (pixels: tf.Tensor4D) => {
        const colours = tf.tile(tf.mul(tf.mean(pixels, [1, 2]), scale), [1, 3]);
        const pooled = tf.slice(colours, [0, 0], [-1, EMBED_DIM]);
        return { pooled, sequence: tf.expandDims(pooled, 1) };
      },
      describe: () => ({ kind: 'mine/colours', options: { scale } }),
    });
    const encoder = new MultiModalEncoder({
      image: own(2),
      text: new SmallTransformer({
        vocabSize: WORDS.length,
        embedDim: EMBED_DIM,
        hiddenSize: 8,
        numLayers: 1,
        numHeads: 2,
      }),
    });
    const model = new JointModel({
      encoder,
      transform,
      tokenizer: openTokenizer(vocabulary()),
      tokenize: { maxLength: 12 },
    });
    const path = folder();
    await save(path, model);
    await expect(load(path)).rejects.toThrow(
      /got mine\/colours; import the module that defines it and calls registerKinds\(\{ 'mine\/colours'/,
    );
    const loaded = await load(path, { parts: { 'mine/colours': ({ scale }) => own(scale as number) } });
    expect((await loaded.embedImages([picture(1)])).data).toEqual((await model.embedImages([picture(1)])).data);
    model.dispose();
    loaded.dispose();
  });

  it('read options under the names that they had before', async () => {
    const encoder = new MultiModalEncoder({
      image: new ViT(
        { patchSize: 8, hiddenSize: 12, numLayers: 1, numHeads: 2, intermediateSize: 18, imageSize: 16 },
        { embedDim: EMBED_DIM },
      ),
      text: new SmallTransformer({ vocabSize: WORDS.length, embedDim: EMBED_DIM, numLayers: 1, maxPositions: 16 }),
      fusion: new ConcatMlpFusion({ embedDim: EMBED_DIM, intermediateSize: 5 }),
    });
    const parts = { transform, tokenizer: openTokenizer(vocabulary()), tokenize: { maxLength: 12 } };
    const model = new JointModel({ encoder, ...parts });
    const path = folder();
    await save(path, model);
    const manifest = join(path, 'model.json');
    const now = readFileSync(manifest, 'utf8');
    const before = now
      .replaceAll('"numLayers"', '"depth"')
      .replace('"intermediateSize": 18', '"mlpRatio": 1.5')
      .replace('"intermediateSize": 5', '"hiddenDim": 5');
    expect(before).toMatch(/"depth"[\s\S]*"mlpRatio"[\s\S]*"hiddenDim"/);
    writeFileSync(manifest, before);
    const loaded = await load(path);
    const [pictures, words] = [[picture(1)], ['a red cat']];
    expect((await loaded.embedPairs(pictures, words)).data).toEqual((await model.embedPairs(pictures, words)).data);
    expect(loaded.encoder.describe()).toEqual(encoder.describe());
    model.dispose();
    loaded.dispose();
  });

  it('say what a folder lacks', async () => {
    await expect(load(folder())).rejects.toThrow(/no such file; check the path/);
    const path = folder();
    writeFileSync(join(path, 'model.json'), '{"format":"other"}');
    await expect(load(path)).rejects.toThrow(/expected format diptych-model/);
  });
});
