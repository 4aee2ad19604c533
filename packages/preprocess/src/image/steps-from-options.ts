import { type BuildContext, ConfigError, type JsonObject } from '@diptych/core';
import type { SizeArgument } from './check.js';
import { type ColorJitterOptions, colorJitter } from './color-jitter.js';
import { type CenterCropOptions, centerCrop } from './crop.js';
import type { DecodeOptions } from './decode.js';
import { randomHorizontalFlip, randomVerticalFlip } from './flip.js';
import { type LetterboxOptions, letterbox } from './letterbox.js';
import { type Normalization, normalize } from './normalize.js';
import { type Padding, type PadOptions, pad } from './pad.js';
import { compose, type ImagePipeline, type Step } from './pipeline.js';
import { type RandAugmentOptions, randAugment } from './rand-augment.js';
import { type RandomResizedCropOptions, randomResizedCrop } from './random-resized-crop.js';
import { type RandomShiftOptions, randomShift } from './random-shift.js';
import { type ResizeOptions, resize } from './resize.js';
import { type ToTensorOptions, toTensor } from './to-tensor.js';

/** A factory reads its own options from JSON; it checks them itself. */
const factories: { readonly [op: string]: (options: JsonObject) => Step } = {
  resize: ({ size, ...options }) => resize(size as unknown as SizeArgument, options as ResizeOptions),
  centerCrop: ({ size, ...options }) => centerCrop(size as unknown as SizeArgument, options as CenterCropOptions),
  pad: ({ padding, ...options }) => pad(padding as unknown as Padding, options as unknown as PadOptions),
  letterbox: ({ size, ...options }) =>
    letterbox(size as unknown as SizeArgument, options as unknown as LetterboxOptions),
  randomResizedCrop: ({ size, ...options }) =>
    randomResizedCrop(size as unknown as SizeArgument, options as unknown as RandomResizedCropOptions),
  randomHorizontalFlip: ({ probability }) => randomHorizontalFlip(probability as number),
  randomVerticalFlip: ({ probability }) => randomVerticalFlip(probability as number),
  randomShift: (options) => randomShift(options as unknown as RandomShiftOptions),
  colorJitter: (options) => colorJitter(options as unknown as ColorJitterOptions),
  randAugment: (options) => randAugment(options as unknown as RandAugmentOptions),
  toTensor: (options) => toTensor(options as ToTensorOptions),
  normalize: (options) => normalize(options as unknown as Normalization),
};

/**
 * Builds a step again from what `step.op` and `step.options` say.
 *
 * @param build builds steps of other owners, whose op is a registered kind (`my/blur`)
 * @throws ConfigError for an unknown op, or options that the step refuses
 */
export function stepFromOptions({ op, ...options }: JsonObject, build?: BuildContext['build']): Step {
  if (build && typeof op === 'string' && op.includes('/')) return build<Step>({ kind: op, options });
  const factory = typeof op === 'string' && Object.hasOwn(factories, op) ? factories[op] : undefined;
  if (!factory) {
    throw new ConfigError({
      where: 'preprocess.stepFromOptions',
      expected: `op to be one of ${Object.keys(factories).join(', ')}`,
      got: JSON.stringify(op) ?? 'undefined',
    });
  }
  return factory(options);
}

/**
 * Builds a pipeline again from the options of its description, in a worker or from a checkpoint.
 *
 * @throws ConfigError for options that describe no pipeline
 */
export function imageTransformFromOptions(options: JsonObject, build?: BuildContext['build']): ImagePipeline {
  const { steps, decode, outputSize } = options;
  if (!Array.isArray(steps)) {
    throw new ConfigError({
      where: 'preprocess.imageTransformFromOptions',
      expected: 'options.steps to be an array of { op, … }',
      got: JSON.stringify(steps) ?? 'undefined',
    });
  }
  return compose(
    steps.map((step) => stepFromOptions(step as JsonObject, build)),
    { decode: decode as DecodeOptions | undefined, outputSize: outputSize as [number, number] | undefined },
  );
}
