import { ConfigError, type Json, type JsonObject } from '@diptych/core';
import { centerCrop } from './crop.js';
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
 * - `preprocessor_config.json` of transformers (ViT, CLIP, SigLIP, ConvNeXT, BiT, DeiT and others of the same keys)
 * - `config.json` of timm, or its `pretrained_cfg` alone
 * - `open_clip_config.json`
 *
 * @throws ConfigError for a file of another kind, or one that asks for something that is not supported
 */
export function stepsFromConfig(config: JsonObject): Step[] {
  if (isObject(config.pretrained_cfg)) return timmSteps(config.pretrained_cfg);
  if (isObject(config.preprocess_cfg)) return openClipSteps(config, config.preprocess_cfg);
  if (Array.isArray(config.input_size) || Array.isArray(config.mean)) return timmSteps(config);
  if ('image_mean' in config || 'do_resize' in config || 'size' in config || 'do_normalize' in config) {
    return transformersSteps(config);
  }
  throw new ConfigError({
    where: 'preprocess.imageTransform',
    expected: 'a preprocessor_config.json, a timm config with pretrained_cfg, or an open_clip_config.json',
    got: `an object with the keys ${Object.keys(config).slice(0, 8).join(', ') || '(none)'}`,
  });
}

/** transformers' image processors. */
function transformersSteps(config: JsonObject): Step[] {
  const where = 'preprocessor_config.json';
  const unsupported = [
    'do_pad',
    'do_image_splitting',
    'do_thumbnail',
    'do_align_long_axis',
    'do_flip_channel_order',
    'do_rgb_to_bgr',
    'rescale_offset',
    'include_top',
  ];
  for (const key of unsupported) if (config[key] === true) throw unsupportedKey(where, key, true);
  const steps: Step[] = [];
  if (config.do_resize !== false) steps.push(...transformersResize(config, where));
  if (config.do_center_crop === true) steps.push(centerCrop(sizeArgument(config.crop_size ?? config.size, where)));
  const factor = config.do_rescale === false ? 1 : (config.rescale_factor ?? 1 / 255);
  if (typeof factor !== 'number') throw unsupportedKey(where, 'rescale_factor', factor);
  steps.push(toTensor(factor === 1 / 255 ? {} : { rescaleFactor: factor }));
  if (config.do_normalize !== false) {
    const { image_mean: mean = [0.5, 0.5, 0.5], image_std: std = [0.5, 0.5, 0.5] } = config;
    steps.push(normalize({ mean: triple(mean, 'image_mean', where), std: triple(std, 'image_std', where) }));
  }
  return steps;
}

/** Processors of transformers for which one number is the short side; for all others it is a square. */
const SHORT_SIDE = /CLIP|Bit|BiT|ConvNe?XT|LeViT|MobileNet|MobileViT|PoolFormer|VideoMAE|Vivit/i;

function transformersResize(config: JsonObject, where: string): Step[] {
  const { size = 224, crop_pct: cropPct, resample = 2 } = config;
  const name = String(config.image_processor_type ?? config.feature_extractor_type ?? '');
  const interpolation = typeof resample === 'number' ? PIL_FILTERS[resample] : undefined;
  if (!interpolation) throw unsupportedKey(where, 'resample', resample);
  if (isObject(size) && 'longest_edge' in size) throw unsupportedKey(where, 'size.longest_edge', size.longest_edge);
  const shortest = isObject(size) ? size.shortest_edge : SHORT_SIDE.test(name) ? size : undefined;
  if (typeof shortest !== 'number') {
    return [resize(typeof size === 'number' ? [size, size] : sizeArgument(size, where), interpolation)];
  }
  if (/LeViT/i.test(name)) return [resize(Math.trunc((256 / 224) * shortest), interpolation)];
  if (cropPct === undefined || cropPct === null) return [resize(shortest, interpolation)];
  // ConvNeXT: below 384 a centre crop of crop_pct, from 384 on the picture is squeezed.
  if (typeof cropPct !== 'number' || !/ConvNe?XT/i.test(name)) throw unsupportedKey(where, 'crop_pct', cropPct);
  if (shortest >= 384) return [resize([shortest, shortest], interpolation)];
  return [resize(Math.trunc(shortest / cropPct), interpolation), centerCrop(shortest)];
}

/** timm's `create_transform(is_training=False)`. */
function timmSteps(config: JsonObject): Step[] {
  const where = 'timm pretrained_cfg';
  const { input_size: inputSize = [3, 224, 224], crop_pct: cropPct = 0.875, crop_mode: cropMode = 'center' } = config;
  const { interpolation = 'bilinear', mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] } = config;
  if (!Array.isArray(inputSize) || inputSize.length !== 3 || inputSize[0] !== 3)
    throw unsupportedKey(where, 'input_size', inputSize);
  if (typeof cropPct !== 'number' || !(cropPct > 0)) throw unsupportedKey(where, 'crop_pct', cropPct);
  const filter = filterName(interpolation, where);
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

function triple(values: Json | undefined, key: string, where: string): Normalization['mean'] {
  if (Array.isArray(values) && values.length === 3 && values.every((value) => typeof value === 'number')) {
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
