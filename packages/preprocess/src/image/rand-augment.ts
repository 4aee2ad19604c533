import { ConfigError, checkOptions, type OptionNames, type RgbImage } from '@diptych/core';
import { affineNearest, inverseAffineMatrix, rotationMatrix } from './affine.js';
import { type Color, rgbOf } from './color.js';
import { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness } from './enhance.js';
import { type PixelStep, pixelStep } from './step.js';
import { autoContrast, equalize, posterize, solarize } from './tone.js';

/** Settings of {@link randAugment}. */
export interface RandAugmentOptions {
  /** Operations one after the other. Default 2. */
  readonly numOps?: number;
  /** Strength of all operations, 0 to `numMagnitudeBins - 1`. Default 9. */
  readonly magnitude?: number;
  /** Default 31. */
  readonly numMagnitudeBins?: number;
  /** Colour of uncovered pixels. Default black. */
  readonly fill?: Color;
}

const RAND_AUGMENT_OPTIONS: OptionNames<RandAugmentOptions> = {
  numOps: 'optional',
  magnitude: 'optional',
  numMagnitudeBins: 'optional',
  fill: 'optional',
};

/** One of the operations: `strength` runs from 0 to 1 over the bins. */
interface Operation {
  readonly name: string;
  /** Whether the magnitude's sign is drawn too. */
  readonly signed: boolean;
  /** The magnitude at a bin. */
  magnitude(bin: number, bins: number, image: RgbImage): number;
  apply(image: RgbImage, magnitude: number, fill: readonly [number, number, number]): RgbImage;
}

const linear = (highest: number) => (bin: number, bins: number) => (highest * bin) / (bins - 1);
const none = () => 0;

/** torchvision's augmentation space of RandAugment, in its order. */
export const randAugmentOperations: readonly Operation[] = [
  { name: 'identity', signed: false, magnitude: none, apply: (image) => image },
  {
    name: 'shearX',
    signed: true,
    magnitude: linear(0.3),
    apply: (image, m, fill) => affineNearest(image, inverseAffineMatrix([0, 0], [0, 0], [Math.atan(m), 0]), fill),
  },
  {
    name: 'shearY',
    signed: true,
    magnitude: linear(0.3),
    apply: (image, m, fill) => affineNearest(image, inverseAffineMatrix([0, 0], [0, 0], [0, Math.atan(m)]), fill),
  },
  {
    name: 'translateX',
    signed: true,
    magnitude: (bin, bins, { width }) => linear((150 / 331) * width)(bin, bins),
    apply: (image, m, fill) => affineNearest(image, inverseAffineMatrix([0, 0], [Math.trunc(m), 0], [0, 0]), fill),
  },
  {
    name: 'translateY',
    signed: true,
    magnitude: (bin, bins, { height }) => linear((150 / 331) * height)(bin, bins),
    apply: (image, m, fill) => affineNearest(image, inverseAffineMatrix([0, 0], [0, Math.trunc(m)], [0, 0]), fill),
  },
  {
    name: 'rotate',
    signed: true,
    magnitude: linear(30),
    apply: (image, m, fill) => (m === 0 ? image : affineNearest(image, rotationMatrix(image, m), fill)),
  },
  { name: 'brightness', signed: true, magnitude: linear(0.9), apply: (image, m) => adjustBrightness(image, 1 + m) },
  { name: 'color', signed: true, magnitude: linear(0.9), apply: (image, m) => adjustSaturation(image, 1 + m) },
  { name: 'contrast', signed: true, magnitude: linear(0.9), apply: (image, m) => adjustContrast(image, 1 + m) },
  { name: 'sharpness', signed: true, magnitude: linear(0.9), apply: (image, m) => adjustSharpness(image, 1 + m) },
  {
    name: 'posterize',
    signed: false,
    magnitude: (bin, bins) => 8 - Math.round(bin / ((bins - 1) / 4)),
    apply: (image, m) => posterize(image, m),
  },
  {
    name: 'solarize',
    signed: false,
    magnitude: (bin, bins) => 255 - linear(255)(bin, bins),
    apply: (image, m) => solarize(image, m),
  },
  { name: 'autoContrast', signed: false, magnitude: none, apply: (image) => autoContrast(image) },
  { name: 'equalize', signed: false, magnitude: none, apply: (image) => equalize(image) },
];

/**
 * In training, applies a few of fourteen operations chosen at random, all at the same strength: `torchvision.transforms.RandAugment`
 * with nearest interpolation (Cubuk et al., RandAugment, 2020). For the same choice, the same bytes as on a PIL image.
 *
 * @throws ConfigError for numbers out of range
 */
export function randAugment(options: RandAugmentOptions = {}): PixelStep {
  checkOptions('preprocess.randAugment', options, RAND_AUGMENT_OPTIONS);
  const { numOps = 2, magnitude = 9, numMagnitudeBins = 31, fill = 'black' } = options;
  const where = 'preprocess.randAugment';
  const color = rgbOf(fill, where);
  const valid =
    Number.isInteger(numOps) &&
    numOps >= 0 &&
    Number.isInteger(numMagnitudeBins) &&
    numMagnitudeBins >= 2 &&
    Number.isInteger(magnitude) &&
    magnitude >= 0 &&
    magnitude < numMagnitudeBins;
  if (!valid) {
    throw new ConfigError({
      where,
      expected: 'whole numbers: numOps from 0, numMagnitudeBins from 2, magnitude from 0 to numMagnitudeBins - 1',
      got: `numOps ${numOps}, magnitude ${magnitude}, numMagnitudeBins ${numMagnitudeBins}`,
    });
  }
  return pixelStep({
    op: 'randAugment',
    args: [{ numOps, magnitude, numMagnitudeBins, fill }],
    options: { numOps, magnitude, numMagnitudeBins, fill },
    apply: (image, context, random) => {
      if (!context.training) return image;
      const draw = random();
      let result = image;
      for (let i = 0; i < numOps; i++) {
        const operation = randAugmentOperations[draw.integer(randAugmentOperations.length)]!;
        const strength = operation.magnitude(magnitude, numMagnitudeBins, result);
        const sign = operation.signed && draw.chance(0.5) ? -1 : 1;
        result = operation.apply(result, sign * strength, color);
      }
      return result;
    },
  });
}
