import { ConfigError, checkOptions, type JsonObject, type OptionNames } from '@diptych/core';
import { centerCrop } from './crop.js';
import type { DecodeOptions } from './decode-options.js';
import { stepsFromConfig } from './hub-config.js';
import { normalize } from './normalize.js';
import { compose, type ImagePipeline, type Step } from './pipeline.js';
import { readConfig } from './read-config.js';
import { resize } from './resize.js';
import type { PixelStep } from './step.js';
import { toTensor } from './to-tensor.js';

/** A well-known transform. */
export type ImageTransformName = 'imagenet' | 'torchvision' | 'clip' | 'siglip';

/** Settings of {@link imageTransform}. */
export interface ImageTransformOptions {
  /** How encoded images are read. */
  readonly decode?: DecodeOptions;
  /** Pixel steps before `toTensor`, such as `randomHorizontalFlip()`; they must keep the size. */
  readonly augment?: readonly PixelStep[];
}

const OPTIONS: OptionNames<ImageTransformOptions> = { decode: 'optional', augment: 'optional' };

const known: Record<ImageTransformName, () => Step[]> = {
  imagenet: () => [resize([224, 224], 'bicubic'), toTensor(), normalize('imagenet')],
  torchvision: () => [resize(256, 'bilinear'), centerCrop(224), toTensor(), normalize('imagenet')],
  clip: () => [resize(224, 'bicubic'), centerCrop(224), toTensor(), normalize('clip')],
  siglip: () => [resize([224, 224], 'bicubic'), toTensor(), normalize('half')],
};

/**
 * The transform that belongs to a network.
 *
 * - `'imagenet'`: the reference system's, resize to 224 x 224 bicubic, ImageNet's mean and std
 * - `'torchvision'`: its evaluation preset, short side 256 bilinear, centre 224, ImageNet's mean and std
 * - `'clip'`: short side 224 bicubic, centre 224, CLIP's mean and std
 * - `'siglip'`: resize to 224 x 224 bicubic, mean and std 0.5
 * - a path or file URL of a hub folder, `preprocessor_config.json`, timm `config.json` or `open_clip_config.json`, or
 *   the object read from one
 *
 * @throws ConfigError for an unknown name, or a configuration that asks for something that is not supported
 * @throws InputError for a configuration file that cannot be read
 */
export function imageTransform(
  source: ImageTransformName | (string & {}) | URL | JsonObject,
  options: ImageTransformOptions = {},
): ImagePipeline {
  checkOptions('preprocess.imageTransform', options, OPTIONS);
  const { decode, augment = [] } = options;
  const steps = stepsOf(source);
  const end = steps.findIndex((step) => 'rescaleFactor' in step);
  return compose([...steps.slice(0, end), ...augment, ...steps.slice(end)], { decode });
}

function stepsOf(source: string | URL | JsonObject): Step[] {
  if (source instanceof URL) return stepsFromConfig(readConfig(source));
  if (typeof source === 'object' && source !== null) return stepsFromConfig(source);
  if (typeof source !== 'string') {
    throw new ConfigError({
      where: 'preprocess.imageTransform',
      expected: 'a name, a path or the object of a configuration file',
      got: source === null ? 'null' : typeof source,
      remedy: `one of ${Object.keys(known).join(', ')}, or the folder of a model`,
    });
  }
  return Object.hasOwn(known, source) ? known[source as ImageTransformName]() : stepsFromConfig(readConfig(source));
}
