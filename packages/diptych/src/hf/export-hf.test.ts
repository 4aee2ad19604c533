import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageEncoder, TextEncoder } from '@diptych/core';
import { centerCrop, compose, letterbox, normalize, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import { BagOfTokens, Bert } from '@diptych/text';
import { MultiModalEncoder } from '@diptych/train';
import { ResNet, SmallCNN, ViT } from '@diptych/vision';
import { openSafetensors } from '@diptych/weights/node';
import { afterAll, describe, expect, it } from 'vitest';
import { JointModel } from '../index.js';
import { exportHf } from './export-hf.js';
import { imageProcessor } from './image-processor.js';
import { compose as composed, type LinearMap, shiftFor } from './linear-map.js';

const root = mkdtempSync(join(tmpdir(), 'hf-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'cat'];
const SIZES = { hiddenSize: 16, numLayers: 1, numHeads: 2 } as const;
const steps = [toTensor(), normalize('imagenet')] as const;

function model(image: ImageEncoder, text: TextEncoder): JointModel {
  writeFileSync(join(root, 'vocab.txt'), WORDS.join('\n'));
  const encoder = new MultiModalEncoder({ image, text });
  return new JointModel({
    encoder,
    transform: compose([resize([16, 16]), ...steps]),
    tokenizer: tokenizer(join(root, 'vocab.txt')),
  });
}
const vit = () => new ViT({ ...SIZES, patchSize: 8, imageSize: 16 }, { embedDim: 8 });
const bert = () =>
  new Bert({ ...SIZES, vocabSize: WORDS.length, intermediateSize: 32, maxPositions: 16 }, { embedDim: 8 });

describe('exportHf', () => {
  it('writes weights with the mark of PyTorch, and says how to open them', async () => {
    const joint = model(vit(), bert());
    const folder = join(root, 'joined');
    expect(await exportHf(folder, joint)).toEqual({
      layout: 'VisionTextDualEncoderModel',
      hasProcessor: true,
      hasOwnFolder: true,
      embedDim: 8,
    });
    const file = openSafetensors(join(folder, 'model.safetensors'));
    expect(file.metadata).toEqual({ format: 'pt' });
    expect([...file.infos.keys()]).toContain('vision_model.timm_model.blocks.0.attn.qkv.weight');
    const { vision_config, text_config } = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    expect([vision_config.model_type, text_config.model_type]).toEqual(['timm_wrapper', 'bert']);
    for (const name of ['tokenizer_config.json', 'diptych/model.json'])
      expect(existsSync(join(folder, name))).toBe(true);
    joint.dispose();
  });

  it('says why towers lie apart, and which tower nobody else has', async () => {
    const apart = model(new ResNet('resnet18', { embedDim: 8 }), bert());
    const report = await exportHf(join(root, 'apart'), apart);
    // the head's first bias is not zero
    expect(report).toMatchObject({ layout: 'timm and sentence-transformers', apart: expect.stringMatching(/no bias/) });
    apart.dispose();
    const small = model(new SmallCNN({ embedDim: 8, imageSize: 16, channels: [4] }), bert());
    await expect(exportHf(join(root, 'small'), small)).rejects.toThrow(
      /exportHf: image: expected a tower that timm.* got SmallCNN: .*; publish diptych's own folder/,
    );
    small.dispose();
    const bag = model(vit(), new BagOfTokens({ vocabSize: WORDS.length, embedDim: 8 }));
    await expect(exportHf(join(root, 'bag'), bag)).rejects.toThrow(/exportHf: text: .* got BagOfTokens/);
    bag.dispose();
    const own = model(new ViT({ ...SIZES, patchSize: 8, imageSize: 16, layerNormEps: 1e-12 }, { embedDim: 8 }), bert());
    await expect(exportHf(join(root, 'own'), own)).rejects.toThrow(/got ViT: normalisations with 1e-12/);
    own.dispose();
  });
});

describe('what a transform is to transformers', () => {
  it('is an image processor for a resize, with a crop or without, and for nothing else', () => {
    expect(imageProcessor(compose([resize(20, 'bicubic'), centerCrop(16), ...steps]))).toMatchObject({
      size: { shortest_edge: 20 },
      crop_size: { height: 16, width: 16 },
      resample: 3,
    });
    expect(imageProcessor(compose([resize([16, 12]), ...steps]))).toMatchObject({
      size: { height: 16, width: 12 },
      do_center_crop: false,
      resample: 2,
    });
    expect(imageProcessor(compose([letterbox(16), ...steps]))).toBeUndefined();
    expect(imageProcessor(compose([resize([16, 16]), ...steps], { decode: { orient: true } }))).toBeUndefined();
  });
});

describe('linear layers', () => {
  const layer = (outFeatures: number, inFeatures: number, seed: number): LinearMap => ({
    weight: Float32Array.from({ length: outFeatures * inFeatures }, (_, i) => Math.sin(seed + i * i * 1.7)),
    bias: Float32Array.from({ length: outFeatures }, (_, i) => Math.cos(seed + i)),
    inFeatures,
    outFeatures,
  });
  const apply = ({ weight, inFeatures, outFeatures }: LinearMap, x: ArrayLike<number>, bias?: Float32Array) =>
    Array.from({ length: outFeatures }, (_, out) => {
      let sum = bias?.[out] ?? 0;
      for (let i = 0; i < inFeatures; i++) sum += weight[out * inFeatures + i]! * x[i]!;
      return sum;
    });

  it('are one where they follow each other, and give up their bias to what comes before', () => {
    const [first, second] = [layer(4, 6, 1), layer(3, 4, 2)];
    const x = [1, -2, 3, 0.5, -1, 2];
    const one = composed(first, second)!;
    const expected = apply(second, apply(first, x, first.bias), second.bias);
    for (const [i, value] of apply(one, x, one.bias).entries()) expect(value).toBeCloseTo(expected[i]!, 4);
    const shift = shiftFor(one)!;
    const shifted = apply(
      one,
      x.map((value, i) => value + shift[i]!),
    );
    for (const [i, value] of shifted.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
    expect(shiftFor(layer(6, 4, 3))).toBeUndefined(); // it widens
    const twice = { ...layer(2, 3, 4), weight: Float32Array.of(1, 2, 3, 1, 2, 3) };
    expect(shiftFor(twice)).toBeUndefined(); // equal rows with two biases
  });
});
