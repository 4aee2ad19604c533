import { ConfigError, checkFields, type Json, type JsonObject } from '@diptych/core';
import { centerCrop } from './crop.js';
import { IMAGE_PROCESSOR_OF, IMAGE_PROCESSORS } from './image-processors.js';
import { letterbox } from './letterbox.js';
import { type Normalization, normalize } from './normalize.js';
import type { Step } from './pipeline.js';
import type { Interpolation } from './resample-filters.js';
import { resize } from './resize.js';
import { toTensor } from './to-tensor.js';

/** PIL's numbers of its filters. */
const PIL_FILTERS: readonly Interpolation[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

/**
 * The steps that a configuration file of the hub asks for. It is one of
 * - the settings of one of transformers' image processors (ViT, CLIP, SigLIP, ConvNeXT and others: `IMAGE_PROCESSORS`), alone
 *   (preprocessor_config.json) or as `image_processor` inside (processor_config.json)
 * - `config.json` of timm, or its `pretrained_cfg` alone
 * - `open_clip_config.json`
 *
 * @throws ConfigError for a file of another kind, or one that asks for something that is not supported
 */
export function stepsFromConfig(config: JsonObject): Step[] {
  checkFields('preprocess.imageTransform', 'a configuration', config, []);
  if (isObject(config.pretrained_cfg)) return timmSteps(config.pretrained_cfg);
  if (isObject(config.preprocess_cfg)) return openClipSteps(config, config.preprocess_cfg);
  if (isObject(config.image_processor)) {
    const { model_type: modelType } = config;
    return transformersSteps({ ...config.image_processor, ...(modelType !== undefined && { model_type: modelType }) });
  }
  if (Array.isArray(config.input_size) || Array.isArray(config.mean)) return timmSteps(config);
  if (TRANSFORMERS_KEYS.some((key) => key in config)) return transformersSteps(config);
  throw new ConfigError({
    where: 'preprocess.imageTransform',
    expected:
      'settings of an image processor of transformers, a timm config with pretrained_cfg, or an open_clip_config.json',
    got: `an object with the keys ${Object.keys(config).slice(0, 8).join(', ') || '(none)'}`,
  });
}

/** Keys by which the settings of an image processor are known. */
const TRANSFORMERS_KEYS = [
  'image_processor_type',
  'feature_extractor_type',
  'image_mean',
  'do_resize',
  'size',
  'do_normalize',
];

/** What the base class of all image processors does where neither the settings nor the class say anything. */
const BASE: JsonObject = { rescale_factor: 1 / 255, do_center_crop: false };

/** Keys that ask for something that is not done here, where they are true. */
const UNSUPPORTED = [
  'do_pad',
  'do_image_splitting',
  'do_thumbnail',
  'do_align_long_axis',
  'do_flip_channel_order',
  'do_rgb_to_bgr',
];

/**
 * The steps of one of transformers' image processors: the settings, and its class's own defaults for what they leave out.
 * A key that is null counts as given, as it does there.
 */
function transformersSteps(settings: JsonObject): Step[] {
  const name = processorName(settings);
  const where = name ?? 'the settings of an image processor';
  const config: JsonObject = { ...BASE, ...(name && IMAGE_PROCESSORS[name]), ...settings };
  const value = (key: string): Json => {
    const found = config[key];
    if (found !== undefined && found !== null) return found;
    throw new ConfigError({
      where,
      expected: name ? `a value of ${key}` : `${key}, or image_processor_type to know what it is by default`,
      got: key in config ? 'null' : 'nothing',
      remedy: 'add it to the settings, or build the transform by hand with compose([...])',
    });
  };
  const flag = (key: string): boolean => config[key] !== null && value(key) === true;
  for (const key of UNSUPPORTED) if (config[key] === true) throw unsupportedKey(where, key, true);

  const steps: Step[] = [];
  if (flag('do_resize')) steps.push(...transformersResize(config, value, name, where));
  if (flag('do_center_crop')) {
    // the crop's size is a square where it is one number; its offset is rounded down
    steps.push(centerCrop(pairOf(value('crop_size'), 'crop_size', where), { rounding: 'down' }));
  }
  const rescales = flag('do_rescale');
  const factor = rescales ? value('rescale_factor') : 1;
  if (typeof factor !== 'number') throw unsupportedKey(where, 'rescale_factor', factor);
  steps.push(toTensor(Math.abs(factor * 255 - 1) < 1e-12 ? {} : { rescaleFactor: factor }));
  return [...steps, ...transformersNormalize(config, value, { rescales, normalizes: flag('do_normalize'), where })];
}

/** transformers' name of the class, without what it says of its backend; undefined where nothing is said. */
function processorName(settings: JsonObject): string | undefined {
  const { image_processor_type: type, feature_extractor_type: old, model_type: model } = settings;
  const named = type ?? old;
  if (typeof named === 'string') {
    const name = named.replace(/FeatureExtractor$/, 'ImageProcessor').replace(/(Fast|Pil)$/, '');
    if (Object.hasOwn(IMAGE_PROCESSORS, name)) return name;
    throw new ConfigError({
      where: 'preprocess.imageTransform',
      expected: `image_processor_type to be one of ${Object.keys(IMAGE_PROCESSORS).join(', ')}`,
      got: named,
      remedy: 'build the transform by hand with compose([...])',
    });
  }
  return typeof model === 'string' && Object.hasOwn(IMAGE_PROCESSOR_OF, model) ? IMAGE_PROCESSOR_OF[model] : undefined;
}

function transformersResize(
  config: JsonObject,
  value: (key: string) => Json,
  name: string | undefined,
  where: string,
): Step[] {
  const resample = value('resample');
  const interpolation = typeof resample === 'number' ? PIL_FILTERS[resample] : undefined;
  if (!interpolation) throw unsupportedKey(where, 'resample', resample);
  const size = value('size');
  for (const key of ['longest_edge', 'max_height', 'max_width']) {
    if (isObject(size) && size[key] !== undefined && size[key] !== null) {
      throw unsupportedKey(where, `size.${key}`, size[key]);
    }
  }
  // one number is a square or the short side: that is the class's choice
  const isShortest = typeof size === 'number' && value('default_to_square') !== true;
  const shortest = isShortest ? size : isObject(size) ? size.shortest_edge : undefined;
  const cropPct = config.crop_pct;
  if (name === 'ConvNextImageProcessor') {
    // below 384 a centre crop of crop_pct, from 384 on the picture is squeezed
    if (typeof shortest !== 'number') throw unsupportedKey(where, 'size', size);
    if (shortest >= 384) return [resize([shortest, shortest], interpolation)];
    const whole = Math.trunc(shortest / positive(cropPct, 'crop_pct', where));
    return [resize(whole, interpolation), centerCrop(shortest, { rounding: 'down' })];
  }
  if (name === 'PoolFormerImageProcessor' && cropPct !== undefined && cropPct !== null) {
    const side = shortest ?? (isObject(size) && size.height === size.width ? size.height : undefined);
    if (typeof side !== 'number') throw unsupportedKey(where, 'size', size);
    return [resize(Math.trunc(side / positive(cropPct, 'crop_pct', where)), interpolation)];
  }
  if (typeof shortest !== 'number') return [resize(pairOf(size, 'size', where), interpolation)];
  // LeViT resizes to 256/224 of the size that it crops to
  const side = name === 'LevitImageProcessor' ? Math.trunc((256 / 224) * shortest) : shortest;
  return [resize(side, interpolation)];
}

function transformersNormalize(
  config: JsonObject,
  value: (key: string) => Json,
  { rescales, normalizes, where }: { rescales: boolean; normalizes: boolean; where: string },
): Step[] {
  // EfficientNet's own: pixels - 1 after rescaling, and a second division by the deviation
  const offset = config.rescale_offset === true && rescales ? 1 : 0;
  const twice = config.include_top === true;
  if (!normalizes && offset === 0 && !twice) return [];
  const mean = normalizes ? triple(value('image_mean'), 'image_mean', where) : ZEROS;
  const deviation = normalizes || twice ? triple(value('image_std'), 'image_std', where) : ONES;
  const divisor = (std: number) => (normalizes ? std : 1) * (twice ? std : 1);
  return [
    normalize({
      mean: eachChannel(mean, (m) => m + offset),
      std: eachChannel(deviation, divisor),
    }),
  ];
}

const ZEROS: Normalization['mean'] = [0, 0, 0];
const ONES: Normalization['std'] = [1, 1, 1];

function positive(value: Json | undefined, key: string, where: string): number {
  if (typeof value === 'number' && value > 0) return value;
  throw unsupportedKey(where, key, value);
}

/** A size of both sides: one number for a square, [height, width], or an object. */
function pairOf(size: Json, key: string, where: string): [number, number] {
  if (typeof size === 'number') return [size, size];
  if (Array.isArray(size) && size.length === 2) return [size[0] as number, size[1] as number];
  if (isObject(size) && typeof size.height === 'number' && typeof size.width === 'number')
    return [size.height, size.width];
  throw unsupportedKey(where, key, size);
}

/** timm's `create_transform(is_training=False)`. */
function timmSteps(config: JsonObject): Step[] {
  const where = 'timm pretrained_cfg';
  const { input_size: inputSize = [3, 224, 224], crop_pct: cropPct = 0.875, crop_mode: cropMode = 'center' } = config;
  // what resolve_data_config() takes for keys that are left out
  const { interpolation = 'bicubic', mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] } = config;
  if (!Array.isArray(inputSize) || inputSize.length !== 3 || inputSize[0] !== 3)
    throw unsupportedKey(where, 'input_size', inputSize);
  if (typeof cropPct !== 'number' || !(cropPct > 0)) throw unsupportedKey(where, 'crop_pct', cropPct);
  const filter = filterName(interpolation, where);
  // three numbers by timm's format; resize checks them
  const [, height, width] = inputSize as unknown as [number, number, number];
  const scaled: [number, number] = [Math.floor(height / cropPct), Math.floor(width / cropPct)];
  const ending = [toTensor(), normalize({ mean: triple(mean, 'mean', where), std: triple(std, 'std', where) })];
  if (cropMode === 'squash') return [resize(scaled, filter), centerCrop([height, width]), ...ending];
  if (cropMode === 'border' && scaled[0] === height && scaled[1] === width) {
    const fill = triple(mean, 'mean', where).map((value) => Math.round(255 * value)) as [number, number, number];
    return [letterbox([height, width], { fill, interpolation: filter }), ...ending];
  }
  if (cropMode !== 'center' || scaled[0] !== scaled[1])
    throw unsupportedKey(where, 'crop_mode', `${cropMode} with input_size ${inputSize}`);
  return [resize(scaled[0], filter), centerCrop([height, width]), ...ending];
}

/** open_clip's `image_transform_v2` for evaluation. */
function openClipSteps(config: JsonObject, preprocess: JsonObject): Step[] {
  const where = 'open_clip_config.json';
  const vision = isObject(config.model_cfg) && isObject(config.model_cfg.vision_cfg) ? config.model_cfg.vision_cfg : {};
  const size = sizeArgument(preprocess.size ?? vision.image_size ?? 224, where);
  const { interpolation = 'bicubic', resize_mode: mode = 'shortest' } = preprocess;
  const { mean = [0.48145466, 0.4578275, 0.40821073], std = [0.26862954, 0.26130258, 0.27577711] } = preprocess;
  const filter = filterName(interpolation, where);
  const ending = [toTensor(), normalize({ mean: triple(mean, 'mean', where), std: triple(std, 'std', where) })];
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  if (mode === 'squash') return [resize([height, width], filter), ...ending];
  if (mode === 'longest') {
    const fill = typeof preprocess.fill_color === 'number' ? preprocess.fill_color : 0;
    return [letterbox([height, width], { fill, interpolation: filter }), ...ending];
  }
  if (mode !== 'shortest' || height !== width) throw unsupportedKey(where, 'resize_mode', mode);
  return [resize(height, filter), centerCrop([height, width]), ...ending];
}

function filterName(name: Json | undefined, where: string): Interpolation {
  if (typeof name === 'string' && (PIL_FILTERS as readonly string[]).includes(name)) return name as Interpolation;
  throw unsupportedKey(where, 'interpolation', name);
}

function sizeArgument(size: Json | undefined, where: string): number | [number, number] {
  if (typeof size === 'number') return size;
  if (Array.isArray(size) && size.length === 2) return [size[0] as number, size[1] as number];
  if (isObject(size) && typeof size.height === 'number' && typeof size.width === 'number')
    return [size.height, size.width];
  if (isObject(size) && typeof size.shortest_edge === 'number') return size.shortest_edge;
  throw unsupportedKey(where, 'size', size);
}

function eachChannel([r, g, b]: Normalization['mean'], change: (value: number) => number): Normalization['mean'] {
  return [change(r), change(g), change(b)];
}

function triple(values: Json | undefined, key: string, where: string): Normalization['mean'] {
  if (Array.isArray(values) && values.length === 3 && values.every((value) => typeof value === 'number')) {
    // every() does not narrow Json[] to a tuple
    return values as unknown as [number, number, number];
  }
  if (typeof values === 'number') return [values, values, values];
  throw unsupportedKey(where, key, values);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unsupportedKey(where: string, key: string, value: Json | undefined): ConfigError {
  return new ConfigError({
    where,
    problem: `cannot follow ${key} = ${JSON.stringify(value)}`,
    remedy: 'build the transform by hand with compose([...])',
  });
}
