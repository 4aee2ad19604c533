import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type JsonObject, plainSample } from '@diptych/core';
import { afterAll, describe, expect, it } from 'vitest';
import { picture } from '../../test/picture.js';
import { randomHorizontalFlip } from './flip.js';
import { imageTransform } from './image-transform.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const imagenetText = 'normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })';
const halfText = 'normalize({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] })';
const half = { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] };
const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

describe('names', () => {
  it.each([
    ['imagenet', `[resize([224, 224], 'bicubic'), toTensor(), ${imagenetText}]`],
    ['torchvision', `[resize(256, 'bilinear'), centerCrop(224), toTensor(), ${imagenetText}]`],
    ['siglip', `[resize([224, 224], 'bicubic'), toTensor(), ${halfText}]`],
  ])('%s', (name, text) => {
    expect(String(imageTransform(name))).toBe(`compose(${text})`);
    expect(imageTransform(name).outputShape).toEqual([224, 224, 3]);
  });

  it('clip', () => {
    expect(String(imageTransform('clip'))).toMatch(
      /^compose\(\[resize\(224, 'bicubic'\), centerCrop\(224\), toTensor\(\), normalize/,
    );
  });

  it('takes augmentations before toTensor', () => {
    expect(String(imageTransform('siglip', { augment: [randomHorizontalFlip()], decode: { orient: true } }))).toBe(
      `compose([resize([224, 224], 'bicubic'), randomHorizontalFlip(0.5), toTensor(), ${halfText}], { decode: { orient: true } })`,
    );
  });
});

const clip = { image_processor_type: 'CLIPImageProcessor' };

/** Configurations as the hub has them. */
const configs: [string, JsonObject, string][] = [
  [
    'ViT',
    {
      do_normalize: true,
      do_resize: true,
      ...half,
      resample: 2,
      size: 224,
      feature_extractor_type: 'ViTFeatureExtractor',
    },
    `[resize([224, 224], 'bilinear'), toTensor(), ${halfText}]`,
  ],
  [
    'CLIP, old form',
    {
      crop_size: 224,
      do_center_crop: true,
      ...half,
      resample: 3,
      size: 224,
      feature_extractor_type: 'CLIPFeatureExtractor',
    },
    `[resize(224, 'bicubic'), centerCrop([224, 224], { rounding: 'down' }), toTensor(), ${halfText}]`,
  ],
  [
    'DeiT, whose number is a square in spite of the crop',
    {
      crop_size: 224,
      do_center_crop: true,
      ...half,
      resample: 3,
      size: 256,
      feature_extractor_type: 'DeiTFeatureExtractor',
    },
    `[resize([256, 256], 'bicubic'), centerCrop([224, 224], { rounding: 'down' }), toTensor(), ${halfText}]`,
  ],
  [
    'ResNet-50 of microsoft, old form',
    { crop_pct: 0.875, ...half, resample: 3, size: 224, feature_extractor_type: 'ConvNextFeatureExtractor' },
    `[resize(256, 'bicubic'), centerCrop(224, { rounding: 'down' }), toTensor(), ${halfText}]`,
  ],
  [
    'LeViT',
    {
      crop_size: 224,
      do_center_crop: true,
      ...half,
      resample: 3,
      size: 224,
      feature_extractor_type: 'LevitFeatureExtractor',
    },
    `[resize(256, 'bicubic'), centerCrop([224, 224], { rounding: 'down' }), toTensor(), ${halfText}]`,
  ],
  [
    'CLIP, new form',
    {
      crop_size: { height: 336, width: 336 },
      do_center_crop: true,
      do_convert_rgb: true,
      do_rescale: true,
      rescale_factor: 0.00392156862745098,
      resample: 3,
      size: { shortest_edge: 336 },
      ...half,
      model_type: 'clip',
    },
    `[resize(336, 'bicubic'), centerCrop([336, 336], { rounding: 'down' }), toTensor(), ${halfText}]`,
  ],
  [
    'SigLIP',
    { image_processor_type: 'SiglipImageProcessor', size: { height: 384, width: 384 }, ...half },
    `[resize([384, 384], 'bicubic'), toTensor(), ${halfText}]`,
  ],
  [
    'ConvNeXT below 384',
    {
      image_processor_type: 'ConvNextImageProcessor',
      crop_pct: 0.875,
      size: { shortest_edge: 224 },
      resample: 3,
      ...half,
    },
    `[resize(256, 'bicubic'), centerCrop(224, { rounding: 'down' }), toTensor(), ${halfText}]`,
  ],
  [
    'ConvNeXT at 384',
    {
      image_processor_type: 'ConvNextImageProcessor',
      crop_pct: 0.875,
      size: { shortest_edge: 384 },
      resample: 3,
      ...half,
    },
    `[resize([384, 384], 'bicubic'), toTensor(), ${halfText}]`,
  ],
  [
    'without normalisation, other scale',
    {
      do_resize: true,
      size: { height: 8, width: 8 },
      resample: 0,
      do_rescale: true,
      rescale_factor: 0.5,
      do_normalize: false,
    },
    "[resize([8, 8], 'nearest'), toTensor({ rescaleFactor: 0.5 })]",
  ],
  [
    'timm resnet50.tv_in1k',
    {
      pretrained_cfg: {
        input_size: [3, 224, 224],
        interpolation: 'bilinear',
        crop_pct: 0.875,
        crop_mode: 'center',
        ...imagenet,
      },
    },
    `[resize(256, 'bilinear'), centerCrop([224, 224]), toTensor(), ${imagenetText}]`,
  ],
  [
    'timm resnet50.a1_in1k',
    {
      architecture: 'resnet50',
      pretrained_cfg: { input_size: [3, 224, 224], interpolation: 'bicubic', crop_pct: 0.95, ...imagenet },
    },
    `[resize(235, 'bicubic'), centerCrop([224, 224]), toTensor(), ${imagenetText}]`,
  ],
  [
    'timm, the inner object alone',
    { input_size: [3, 288, 288], interpolation: 'bicubic', crop_pct: 1, crop_mode: 'squash', ...imagenet },
    `[resize([288, 288], 'bicubic'), centerCrop([288, 288]), toTensor(), ${imagenetText}]`,
  ],
  [
    'timm with a border',
    { input_size: [3, 64, 64], interpolation: 'bicubic', crop_pct: 1, crop_mode: 'border', ...imagenet },
    `[letterbox([64, 64], { fill: [124, 116, 104], interpolation: 'bicubic' }), toTensor(), ${imagenetText}]`,
  ],
  [
    'open_clip',
    {
      model_cfg: { vision_cfg: { image_size: 256 } },
      preprocess_cfg: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], resize_mode: 'squash' },
    },
    `[resize([256, 256], 'bicubic'), toTensor(), ${halfText}]`,
  ],
];

describe('configurations of the hub', () => {
  it.each(configs)('%s', async (_, config, text) => {
    const transform = imageTransform(config);
    expect(String(transform)).toBe(`compose(${text})`);
    const [height, width] = transform.outputShape;
    await transform.into(picture(31, 57), new Float32Array(height * width * 3), 0, plainSample);
  });

  it('are found in a folder, a file, a file URL', () => {
    const config = configs[3]![1];
    mkdirSync(join(folder, 'model'));
    const file = join(folder, 'model', 'preprocessor_config.json');
    writeFileSync(file, JSON.stringify(config));
    writeFileSync(join(folder, 'model', 'config.json'), '{"model_type": "resnet"}');
    for (const source of [join(folder, 'model'), file, pathToFileURL(file)]) {
      expect(String(imageTransform(source))).toBe(String(imageTransform(config)));
    }
  });

  it.each([
    ['nothing known', { hidden_size: 3 }, /got an object with the keys hidden_size/],
    ['padding', { ...clip, do_pad: true }, /CLIPImageProcessor: cannot follow do_pad = true; build the transform by/],
    ['an unknown filter', { ...clip, resample: 9 }, /cannot follow resample = 9/],
    ['two edges', { ...clip, size: { shortest_edge: 4, longest_edge: 9 } }, /size\.longest_edge/],
    [
      'a class of its own',
      { image_processor_type: 'Sam2ImageProcessor', size: 4 },
      /image_processor_type to be one of/,
    ],
    ['no class', { size: 4, do_resize: true }, /expected resample, or image_processor_type to know what it is/],
    ['a null', { ...clip, resample: null }, /CLIPImageProcessor: expected a value of resample, got null/],
    [
      'a class without a mean',
      { image_mean: null, image_processor_type: 'ViTImageProcessor' },
      /a value of image_mean/,
    ],
    ['four channels', { pretrained_cfg: { input_size: [4, 8, 8] } }, /cannot follow input_size/],
    ['an unknown crop', { pretrained_cfg: { input_size: [3, 8, 8], crop_mode: 'spiral' } }, /cannot follow crop_mode/],
    ['two means', { ...clip, image_mean: [0, 0] }, /cannot follow image_mean/],
  ])('%s is refused', (_, config, message) => {
    expect(() => imageTransform(config as unknown as JsonObject)).toThrow(message);
  });

  it('missing and broken files are named', () => {
    expect(() => imageTransform('imagnet')).toThrow(/'imagenet', 'torchvision'.*got imagnet; there is no such file/);
    const broken = join(folder, 'broken.json');
    writeFileSync(broken, '{"size": ');
    expect(() => imageTransform(broken)).toThrow(/broken\.json: expected a JSON configuration/);
    writeFileSync(broken, '[]');
    expect(() => imageTransform(broken)).toThrow(/expected a JSON object, got an array/);
    mkdirSync(join(folder, 'empty'));
    expect(() => imageTransform(join(folder, 'empty'))).toThrow(/expected one of processor_config\.json/);
  });
});
