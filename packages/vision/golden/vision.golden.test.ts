import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { resolve } from 'node:path';
import { buffersOf, buildPart, type ImageEncoder, inference, type PartDescription, parametersOf } from '@diptych/core';
import { BlankGenerator, randomStream } from '@diptych/nn';
import {
  checkGolden,
  type Float32Error,
  goldenBackends,
  goldenFamily,
  goldenGradients,
  goldenTensor,
  openGolden,
  readGoldenJson,
} from '@diptych/testing/node';
import { loadState, type Pretrained } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  ConvNeXt,
  EfficientNet,
  imageEncoderFromPretrained,
  kinds,
  ResNet,
  type ResNetConfig,
  ViT,
} from '../src/index.js';
import { toNHWC } from './layout.js';

const meta = readGoldenJson<Record<string, { float32_error: Float32Error }>>('vision');
const CLASSES = 10;

/** By the checkpoint's own configuration; networks that the libraries have no configuration for bring ours. */
async function openModel(name: string): Promise<ImageEncoder & Pretrained> {
  const source = resolve(goldenFamily('vision'), name);
  const config = readGoldenJson<ResNetConfig | PartDescription>('vision', `${name}/config.json`);
  if ('kind' in config) {
    const model = buildPart<ImageEncoder>(config, { where: 'golden vision', kinds });
    loadState(model, openGolden('vision', `${name}/model.safetensors`));
    return model;
  }
  if (!('block' in config)) return imageEncoderFromPretrained(source, { embedDim: CLASSES });
  const model = new ResNet(config, { embedDim: CLASSES, generator: new BlankGenerator() });
  loadState(model, openGolden('vision', `${name}/model.safetensors`));
  return model;
}

const runs = goldenBackends().flatMap((backend) => Object.keys(meta).map((name) => [name, backend] as const));

describe.each(runs)('golden vision: %s on %s', (name, backend) => {
  const { float32_error: float32Error } = meta[name]!;
  beforeAll(() => tf.setBackend(backend));

  const expected = openGolden('vision', `${name}.expected.safetensors`);
  const check = (key: string, actual: tf.Tensor) =>
    checkGolden(expected, key, actual, { float32Error, relative: 1e-5 });
  const source = resolve(goldenFamily('vision'), name);

  it('last features and output', async () => {
    const model = await openModel(name);
    tf.tidy(() => {
      const pixels = toNHWC(goldenTensor(expected, 'pixel_values'));
      check('output', model.encode(pixels, inference).pooled);
      if (model instanceof ViT) {
        const tokens = model.tokens(pixels, inference);
        check('features', model.norm ? model.norm.forward(tokens) : tokens);
      } else if (model instanceof ConvNeXt || model instanceof EfficientNet) {
        check('features', tf.transpose(model.features(pixels, inference), [0, 3, 1, 2]));
      } else if (model instanceof ResNet) {
        check('features', tf.transpose(model.stages(pixels, inference).layer4, [0, 3, 1, 2]));
      }
    });
    const ofTimm = ['vit', 'vit_mean', 'convnext'].includes(name);
    expect(model.transform !== undefined).toBe(ofTimm);
    model.dispose();
  });

  const withGradients = Object.keys(float32Error).some((key) => key.startsWith('grad.'));
  if (withGradients)
    it('gradients of every parameter', async () => {
      const model = await openModel(name);
      tf.tidy(() => {
        const pixels = toNHWC(goldenTensor(expected, 'pixel_values'));
        const r = goldenTensor(expected, 'r');
        const gradients = goldenGradients(parametersOf(model), () => model.encode(pixels, inference).pooled, r);
        for (const [key, gradient] of gradients) check(`grad.${key}`, gradient);
        expect(Object.keys(float32Error).filter((key) => key.startsWith('grad.')).length).toBe(gradients.length);
      });
      model.dispose();
    });

  if ('train.output' in float32Error)
    it('output, gradients and running statistics in train mode', async () => {
      const model = await openModel(name);
      const close = (key: string, actual: tf.Tensor) =>
        checkGolden(expected, key, actual, { float32Error, relative: 1e-4 });
      tf.tidy(() => {
        const pixels = toNHWC(goldenTensor(expected, 'pixel_values'));
        const training = { training: true, random: randomStream(0, 0) } as const;
        const run = () => model.encode(pixels, training).pooled;
        close('train.output', run());
        const statistics = buffersOf(model);
        for (const [key, buffer] of statistics) close(`after.${key}`, buffer);
        const gradients = goldenGradients(parametersOf(model), run, goldenTensor(expected, 'r'));
        for (const [key, gradient] of gradients) close(`train.grad.${key}`, gradient);
        const listed = Object.keys(float32Error).filter((key) => /^(train\.grad|after)\./.test(key));
        expect(statistics.length + gradients.length).toBe(listed.length);
      });
      model.dispose();
    });

  if ('output48' in float32Error)
    it('position embeddings for other grids, and pictures of that size', async () => {
      const smaller = await ViT.fromPretrained(source, { imageSize: 24 });
      check('pos_embed.3', smaller.posEmbed);
      const larger = await ViT.fromPretrained(source, { imageSize: 48, embedDim: CLASSES });
      check('pos_embed.6', larger.posEmbed);
      tf.tidy(() => {
        const pixels = toNHWC(goldenTensor(expected, 'pixel_values48'));
        check('output48', larger.encode(pixels, inference).pooled);
      });
      expect(larger.transform?.input_size).toEqual([3, 48, 48]);
      smaller.dispose();
      larger.dispose();
    });
});
