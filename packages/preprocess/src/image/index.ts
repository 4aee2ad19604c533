export type { DecodeSource } from './bytes-of-source.js';
export type { SizeArgument } from './check.js';
export type { Color } from './color.js';
export { type ColorJitterOptions, colorJitter, type JitterRange } from './color-jitter.js';
export { type CenterCropOptions, type CenterCropStep, centerCrop } from './crop.js';
export { decodeImage } from './decode.js';
export type { DecodeOptions } from './decode-options.js';
export { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness } from './enhance.js';
export { flipHorizontally, flipVertically, randomHorizontalFlip, randomVerticalFlip } from './flip.js';
export { stepsFromConfig } from './hub-config.js';
export { adjustHue } from './hue.js';
export { type ImageTransformName, type ImageTransformOptions, imageTransform } from './image-transform.js';
export { kinds } from './kinds.js';
export { type LetterboxOptions, letterbox } from './letterbox.js';
export {
  clip,
  half,
  imagenet,
  NORMALIZATIONS,
  type Normalization,
  type NormalizationName,
  type NormalizeStep,
  normalize,
} from './normalize.js';
export { type Padding, type PaddingMode, type PadOptions, pad } from './pad.js';
export { type ComposeOptions, compose, ImagePipeline, type PlainPixelFunction, type Step } from './pipeline.js';
export { type RandAugmentOptions, randAugment } from './rand-augment.js';
export { type RandomResizedCropOptions, randomResizedCrop } from './random-resized-crop.js';
export { type RandomShiftOptions, randomShift } from './random-shift.js';

export type { Interpolation } from './resample-filters.js';
export { type ResizeOptions, type ResizeStep, resize } from './resize.js';
export { type ImageFormat, type Sniffed, sniff } from './sniff.js';
export {
  type FloatImage,
  type PixelStep,
  type PixelStepDefinition,
  pixelStep,
  type Size,
  type StepInfo,
} from './step.js';
export { imageTransformFromOptions, stepFromOptions } from './steps-from-options.js';
export { type ToTensorOptions, type ToTensorStep, toTensor } from './to-tensor.js';
export { autoContrast, equalize, posterize, solarize } from './tone.js';
export { type TransformBatchOptions, transformBatch } from './transform-batch.js';
