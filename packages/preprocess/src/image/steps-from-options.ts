import { type BuildContext, ConfigError, checkFields, type JsonObject } from '@diptych/core';
import type { SizeArgument } from './check.js';
import { type ColorJitterOptions, colorJitter } from './color-jitter.js';
import { type CenterCropOptions, centerCrop } from './crop.js';
import type { DecodeOptions } from './decode-options.js';
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

/** A factory for each op, with the type of what its description says. That JSON has this type is checked by the step itself. */
const factories: { readonly [op: string]: (options: never) => Step } = {
  resize: ({ size, ...options }: ResizeOptions & Sized) => resize(size, options),
  centerCrop: ({ size, ...options }: CenterCropOptions & Sized) => centerCrop(size, options),
  pad: ({ padding, ...options }: PadOptions & { padding: Padding }) => pad(padding, options),
  letterbox: ({ size, ...options }: LetterboxOptions & Sized) => letterbox(size, options),
  randomResizedCrop: ({ size, ...options }: RandomResizedCropOptions & Sized) => randomResizedCrop(size, options),
  randomHorizontalFlip: ({ probability }: { probability: number }) => randomHorizontalFlip(probability),
  randomVerticalFlip: ({ probability }: { probability: number }) => randomVerticalFlip(probability),
  randomShift: (options: RandomShiftOptions) => randomShift(options),
  colorJitter: (options: ColorJitterOptions) => colorJitter(options),
  randAugment: (options: RandAugmentOptions) => randAugment(options),
  toTensor: (options: ToTensorOptions) => toTensor(options),
  normalize: (options: Normalization) => normalize(options),
};

interface Sized {
  readonly size: SizeArgument;
}

/**
 * Builds a step again from what `step.op` and `step.options` say.
 *
 * @param build builds steps of other owners, whose op is a registered kind (`my/blur`)
 * @throws ConfigError for an unknown op, or options that the step refuses
 */
export function stepFromOptions(description: JsonObject, build?: BuildContext['build']): Step {
  checkFields('preprocess.stepFromOptions', 'a step', description, ['op']);
  const { op, ...options } = description;
  if (build && typeof op === 'string' && op.includes('/')) return build<Step>({ kind: op, options });
  const factory = typeof op === 'string' && Object.hasOwn(factories, op) ? factories[op] : undefined;
  if (!factory) {
    throw new ConfigError({
      where: 'preprocess.stepFromOptions',
      expected: `op to be one of ${Object.keys(factories).join(', ')}`,
      got: JSON.stringify(op) ?? 'undefined',
    });
  }
  return factory(options as never);
}

/**
 * Builds a pipeline again from the options of its description, in a worker or from a checkpoint.
 *
 * @throws ConfigError for options that describe no pipeline
 */
export function imageTransformFromOptions(options: JsonObject, build?: BuildContext['build']): ImagePipeline {
  checkFields('preprocess.imageTransformFromOptions', 'the options', options, []);
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
