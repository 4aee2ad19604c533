import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Encoded, type Fusion, type ImageEncoder, inference, type TextEncoder } from '@diptych/core';
import { AttentionFusion, BottleneckFusion, CoAttentionFusion, ConcatMlpFusion, GatedFusion } from '@diptych/fusion';
import { compose, normalize, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer as wordPiece } from '@diptych/preprocess/text';
import { BagOfTokens, Bert, ClipText, SiglipText, SmallTransformer } from '@diptych/text';
import { exportOnnx, runOnnx } from '@diptych/tfjs-backend-onnxruntime';
import { MultiModalEncoder } from '@diptych/train';
import { ClipVision, ConvNeXt, ResNet, SiglipVision, SmallCNN, ViT } from '@diptych/vision';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it } from 'vitest';
import { JointModel } from './index.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-onnx-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Largest difference over the largest expected value. */
function distance(actual: tf.Tensor, expected: tf.Tensor): number {
  expect(actual.shape).toEqual(expected.shape);
  const [difference] = tf.max(tf.abs(tf.sub(actual, expected))).dataSync();
  return difference! / Math.max(tf.max(tf.abs(expected)).dataSync()[0]!, 1e-6);
}

const LONGEST = 12;
const seed = 3;
const tower = { imageSize: 16, patchSize: 8, hiddenSize: 12, numLayers: 2, numHeads: 3 };
const IMAGE: Readonly<Record<string, () => ImageEncoder>> = {
  SmallCNN: () => new SmallCNN({ embedDim: 6, imageSize: 16, channels: [4, 8], seed }),
  'ResNet, basic': () => new ResNet({ block: 'basic', layers: [1, 1, 1, 1], width: 4 }, { embedDim: 6, seed }),
  'ResNet, bottleneck': () => new ResNet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 4 }, { seed }),
  'ViT, class token': () => new ViT(tower, { embedDim: 6, seed }),
  'ViT, mean': () => new ViT({ ...tower, classToken: false }, { pooling: 'mean', seed }),
  ConvNeXt: () => new ConvNeXt({ depths: [1, 1], widths: [4, 8] }, { embedDim: 6, seed }),
  ClipVision: () => new ClipVision({ ...tower, projectionDim: 6 }, { seed }),
  SiglipVision: () => new SiglipVision(tower, { embedDim: 6, seed }),
};

const text = { vocabSize: 40, maxPositions: LONGEST, hiddenSize: 8, numLayers: 2, numHeads: 2 };
const bert = {
  vocabSize: 40, hiddenSize: 8, numLayers: 2, numHeads: 2, intermediateSize: 12,
  maxPositions: LONGEST,
}; // biome-ignore format: a table
const TEXT: Readonly<Record<string, () => TextEncoder>> = {
  BagOfTokens: () => new BagOfTokens({ vocabSize: 40, embedDim: 8, seed }),
  'SmallTransformer, mean': () => new SmallTransformer({ vocabSize: 40, embedDim: 8, numLayers: 2, maxPositions: LONGEST, seed }),
  'SmallTransformer, cls': () =>
    new SmallTransformer({ vocabSize: 40, embedDim: 8, numLayers: 2, maxPositions: LONGEST, pooling: 'cls', seed }),
  'Bert, mean': () => new Bert(bert, { embedDim: 6, pooling: 'mean', seed }),
  'Bert, pooler': () => new Bert(bert, { pooling: 'pooler', normalize: true, seed }),
  'Bert, max': () => new Bert({ ...bert, typeVocabSize: 0 }, { pooling: 'max', seed }),
  'RoBERTa, cls': () => new Bert({ ...bert, maxPositions: LONGEST + 2, typeVocabSize: 1, positions: 'roberta' }, { seed }),
  ClipText: () => new ClipText({ ...text, projectionDim: 6 }, { seed }),
}; // biome-ignore format: a table

const fusionOptions = { embedDim: 8, numHeads: 2, intermediateSize: 12, seed };
const FUSIONS: Readonly<Record<string, () => Fusion>> = {
  AttentionFusion: () => new AttentionFusion({ embedDim: 8, numHeads: 2, seed }),
  BottleneckFusion: () => new BottleneckFusion(fusionOptions),
  CoAttentionFusion: () => new CoAttentionFusion(fusionOptions),
  ConcatMlpFusion: () => new ConcatMlpFusion({ embedDim: 8, intermediateSize: 12, seed }),
  GatedFusion: () => new GatedFusion({ embedDim: 8, seed }),
};

const present = (...tensors: (tf.Tensor | undefined)[]) => tensors.filter((tensor) => tensor !== undefined);
/** Ids of rows that end early, and their masks. */
function rows(batch: number, length: number): [ids: tf.Tensor2D, mask: tf.Tensor2D] {
  const ids = Int32Array.from({ length: batch * length }, (_, i) => 3 + ((i * 7) % 36));
  const mask = ids.map((_, i) => Number(i % length < Math.max(1, length - Math.floor(i / length))));
  return [tf.tensor2d(ids, [batch, length], 'int32'), tf.tensor2d(mask, [batch, length], 'int32')];
}

describe('exported parts take batches of any size and texts of any length', () => {
  it.each(Object.entries(IMAGE))('%s', (_, make) => {
    const encoder = make();
    const side = encoder instanceof ResNet ? 32 : 16;
    const encode = (pixels: tf.Tensor4D) => {
      const { pooled, sequence } = encoder.encode(pixels, inference);
      return [pooled, sequence];
    };
    for (const batch of [1, 4]) {
      const model = exportOnnx(encode, [tf.zeros<tf.Rank.R4>([batch, side, side, 3])], {
        inputNames: ['pixels'],
        dynamicAxes: { pixels: { 0: 'batch' } },
      }).toBytes();
      for (const size of [1, 2, 5]) {
        const pixels = tf.randomNormal<tf.Rank.R4>([size, side, side, 3], 0, 1, 'float32', 3);
        const results = runOnnx(model, { pixels });
        encode(pixels).forEach((expected, i) => {
          expect(distance(results[`output_${i}`]!, expected), `${batch} at ${size}`).toBeLessThan(2e-5);
        });
      }
    }
    encoder.dispose();
  });

  it.each(Object.entries(TEXT))('%s', (_, make) => {
    const encoder = make();
    const encode = (inputIds: tf.Tensor2D, attentionMask: tf.Tensor2D) => {
      const { pooled, sequence, mask } = encoder.encode({ inputIds, attentionMask }, inference);
      return present(pooled, sequence, mask);
    };
    const open = { 0: 'batch', 1: 'length' };
    for (const [batch, length] of [[1, LONGEST], [1, 1], [4, 4]] as const) {
      const model = exportOnnx(encode, rows(batch, length), {
        inputNames: ['input_ids', 'attention_mask'],
        dynamicAxes: { input_ids: open, attention_mask: open },
        int64Inputs: ['input_ids', 'attention_mask'],
      }).toBytes();
      for (const [size, tokens] of [[1, LONGEST], [3, 5], [2, 1]] as const) {
        const [ids, mask] = rows(size, tokens);
        const results = runOnnx(model, { input_ids: ids, attention_mask: mask });
        encode(ids, mask).forEach((expected, i) => {
          expect(distance(results[`output_${i}`]!, expected), `${batch}x${length} at ${size}x${tokens}`).toBeLessThan(2e-5);
        });
      }
    }
    encoder.dispose();
  }); // biome-ignore format: short pairs

  it('SiglipText, of its one length', () => {
    const encoder = new SiglipText(text, { seed });
    const encode = (inputIds: tf.Tensor2D, attentionMask: tf.Tensor2D) =>
      encoder.encode({ inputIds, attentionMask }, inference).pooled;
    const model = exportOnnx(encode, rows(1, LONGEST), {
      inputNames: ['input_ids', 'attention_mask'],
      dynamicAxes: { input_ids: { 0: 'batch' }, attention_mask: { 0: 'batch' } },
    }).toBytes();
    const [ids, mask] = rows(5, LONGEST);
    const { output_0: pooled } = runOnnx(model, { input_ids: ids, attention_mask: mask });
    expect(distance(pooled!, encode(ids, mask))).toBeLessThan(2e-5);
    encoder.dispose();
  });

  it.each(Object.entries(FUSIONS))('%s', (_, make) => {
    const fusion = make();
    const fuse = (image: Encoded, words: Encoded) => fusion.fuse(image, words, inference).fused;
    const side = (batch: number, length: number, noise: number): Encoded => ({
      pooled: tf.randomNormal<tf.Rank.R2>([batch, 8], 0, 1, 'float32', noise),
      sequence: tf.randomNormal<tf.Rank.R3>([batch, length, 8], 0, 1, 'float32', noise + 1),
    });
    const inputs = (batch: number, patches: number, tokens: number): [Encoded, Encoded] => [
      side(batch, patches, 1),
      { ...side(batch, tokens, 5), mask: tf.cast(rows(batch, tokens)[1], 'float32') },
    ];
    const names = ['image_pooled', 'image_sequence', 'text_pooled', 'text_sequence', 'text_mask'];
    const feed = ([image, words]: [Encoded, Encoded]) =>
      Object.fromEntries(
        [image.pooled, image.sequence, words.pooled, words.sequence, words.mask!].map((tensor, i) => [names[i]!, tensor]),
      );
    const batchOnly = { 0: 'batch' };
    for (const [batch, patches, tokens] of [[1, 4, 1], [3, 4, 4]] as const) {
      const exported = exportOnnx(fuse, inputs(batch, patches, tokens), {
        inputNames: names,
        dynamicAxes: {
          image_pooled: batchOnly,
          image_sequence: { 0: 'batch', 1: 'patches' },
          text_pooled: batchOnly,
          text_sequence: { 0: 'batch', 1: 'length' },
          text_mask: { 0: 'batch', 1: 'length' },
        },
      });
      const model = exported.toBytes();
      for (const sizes of [[1, 4, 7], [5, 9, 1], [2, 1, 3]] as [number, number, number][]) {
        const pair = inputs(...sizes);
        const { output_0: fused } = runOnnx(model, feed(pair));
        expect(distance(fused!, fuse(...pair)), `${[batch, patches, tokens]} at ${sizes}`).toBeLessThan(2e-5);
      }
    }
    fusion.dispose();
  }); // biome-ignore format: short pairs
});

/** onnxruntime-web as the tokenizers' package brings it, if it is installed: another runtime of the same files. */
const web = await import('onnxruntime-web' as string).catch(() => undefined);

describe.runIf(web)('onnxruntime-web computes the same from exported parts', () => {
  /** Output 0 by the WebAssembly build. */
  async function runOnWeb(model: Uint8Array, feeds: Readonly<Record<string, tf.Tensor>>): Promise<tf.Tensor> {
    const session = await web.InferenceSession.create(model, { executionProviders: ['wasm'] });
    const entries = Object.entries(feeds).map(([name, x]) => [name, new web.Tensor(x.dtype, x.dataSync(), x.shape)]);
    const { output_0: result } = await session.run(Object.fromEntries(entries));
    await session.release();
    return tf.tensor(result.data, result.dims);
  }

  it('ViT, from an example of one picture', async () => {
    const encoder = IMAGE['ViT, class token']!();
    const embed = (pixels: tf.Tensor4D) => encoder.encode(pixels, inference).pooled;
    const options = { inputNames: ['pixels'], dynamicAxes: { pixels: { 0: 'batch' } } };
    const model = exportOnnx(embed, [tf.zeros<tf.Rank.R4>([1, 16, 16, 3])], options).toBytes();
    const pixels = tf.randomNormal<tf.Rank.R4>([3, 16, 16, 3], 0, 1, 'float32', 3);
    expect(distance(await runOnWeb(model, { pixels }), embed(pixels))).toBeLessThan(2e-5);
    encoder.dispose();
  });

  it.each(['ClipText', 'Bert, mean'])('%s, from an example of the longest text', async (name) => {
    const encoder = TEXT[name]!();
    const embed = (inputIds: tf.Tensor2D, attentionMask: tf.Tensor2D) =>
      encoder.encode({ inputIds, attentionMask }, inference).pooled;
    const open = { 0: 'batch', 1: 'length' };
    const options = { inputNames: ['ids', 'mask'], dynamicAxes: { ids: open, mask: open } };
    const model = exportOnnx(embed, rows(1, LONGEST), options).toBytes();
    const [ids, mask] = rows(3, 5);
    expect(distance(await runOnWeb(model, { ids, mask }), embed(ids, mask))).toBeLessThan(2e-5);
    encoder.dispose();
  });
});

describe('JointModel.exportOnnx', () => {
  const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'red', 'house', 'dog', 'rain'].join('\n'); // and [MASK], which BERT has anyway
  writeFileSync(join(folder, 'vocab.txt'), vocabulary);
  const tokenizer = wordPiece(join(folder, 'vocab.txt'));
  const transform = compose([resize([16, 16], 'bicubic'), toTensor(), normalize('half')]);
  const make = (parts: { words: TextEncoder; fusion?: Fusion; padding?: 'max_length' }) =>
    new JointModel({
      encoder: new MultiModalEncoder<Fusion | undefined>({
        image: new ViT(tower, { embedDim: 8 }),
        text: parts.words,
        fusion: parts.fusion,
      }),
      transform,
      tokenizer,
      tokenize: { maxLength: LONGEST, padding: parts.padding },
    });

  it('writes towers, fusion and matcher with what they need', async () => {
    const model = make({
      words: new SmallTransformer({ vocabSize: 10, embedDim: 8, numLayers: 1, maxPositions: LONGEST }),
      fusion: new CoAttentionFusion(fusionOptions),
    });
    const target = join(folder, 'joint');
    const written = await model.exportOnnx(target);
    expect(written.map(({ file }) => file)).toEqual(['image.onnx', 'text.onnx', 'fusion.onnx', 'matcher.onnx']);
    for (const { parity } of written) expect(parity).toBeLessThan(1e-5);
    expect(written[1]!.inputs).toEqual(['input_ids: int64 [batch, length]', 'attention_mask: int64 [batch, length]']);
    expect(readdirSync(target).sort()).toEqual(
      ['README.md', 'fusion.onnx', 'image.onnx', 'matcher.onnx', 'preprocessing.json', 'text.onnx', 'tokenizer'].sort(),
    );
    expect(readdirSync(join(target, 'tokenizer'))).toEqual(['tokenizer_config.json', 'vocab.txt']);
    const preprocessing = JSON.parse(readFileSync(join(target, 'preprocessing.json'), 'utf8'));
    expect(preprocessing.image.outputShape).toEqual([16, 16, 3]);
    expect(preprocessing.logitScale).toBeCloseTo(1 / 0.07, 3);
    // the files, end to end: what the model says of one pair
    const picture = { width: 16, height: 16, data: Uint8Array.from({ length: 768 }, (_, i) => (i * 37) % 256) };
    const pixels = new Float32Array(768);
    await transform.into(picture, pixels, 0, { training: false } as never);
    const image = runOnnx(join(target, 'image.onnx'), { pixels: tf.tensor4d(pixels, [1, 16, 16, 3]) });
    const { inputIds, attentionMask } = tokenizer.encode(['a red house'], { maxLength: LONGEST });
    const size: [number, number] = [1, inputIds.length];
    const words = runOnnx(join(target, 'text.onnx'), {
      input_ids: tf.tensor2d(inputIds, size, 'int32'),
      attention_mask: tf.tensor2d(attentionMask, size, 'int32'),
    });
    const { fused } = runOnnx(join(target, 'fusion.onnx'), {
      image_pooled: image.pooled!,
      image_sequence: image.sequence!,
      text_pooled: words.pooled!,
      text_sequence: words.sequence!,
      text_mask: words.mask!,
    });
    const { logit } = runOnnx(join(target, 'matcher.onnx'), { fused: fused! });
    const [expected] = await model.matchLogits([picture], ['a red house']);
    expect(logit!.dataSync()[0]).toBeCloseTo(expected!, 4);
    const [embedding] = (await model.embedText(['a red house'])).toArray();
    words.embedding!.dataSync().forEach((value, i) => {
      expect(value).toBeCloseTo(embedding![i]!, 5);
    });
    model.dispose();
  });

  it('writes towers alone, and a text tower of one length with that length', async () => {
    const words = new SiglipText({ ...text, vocabSize: 10 } as never, { embedDim: 8 });
    const model = make({ words, padding: 'max_length' });
    const written = await model.exportOnnx(join(folder, 'towers'));
    expect(written.map(({ file }) => file)).toEqual(['image.onnx', 'text.onnx']);
    expect(written[1]!.inputs[0]).toBe(`input_ids: int64 [batch, ${LONGEST}]`);
    for (const { parity } of written) expect(parity).toBeLessThan(1e-5);
    model.dispose();
  });
});
