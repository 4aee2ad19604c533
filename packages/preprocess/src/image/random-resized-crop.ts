import { ConfigError, checkOptions, type OptionNames, type RgbImage, type SampleRandom } from '@diptych/core';
import { checkName, type SizeArgument, sizeOf } from './check.js';
import { cut, roundHalfEven } from './crop.js';
import type { Interpolation } from './resample-filters.js';
import { Resampler, type Window } from './resampler.js';
import { resample } from './resize.js';
import { type PixelStep, pixelStep, type Size } from './step.js';

/** Settings of {@link randomResizedCrop}. */
export interface RandomResizedCropOptions {
  /** Range of the crop's share of the picture's area. Default [0.08, 1]. */
  readonly scale?: readonly [number, number];
  /** Range of the crop's width / height, drawn evenly in its logarithm. Default [3/4, 4/3]. */
  readonly ratio?: readonly [number, number];
  /** Default `bilinear`. */
  readonly interpolation?: Interpolation;
}

const RANDOM_RESIZED_CROP_OPTIONS: OptionNames<RandomResizedCropOptions> = {
  scale: 'optional',
  ratio: 'optional',
  interpolation: 'optional',
};

/**
 * In training, a random part of the picture, resized: `torchvision.transforms.RandomResizedCrop` (Szegedy et al., Going
 * Deeper with Convolutions, 2015) with its ten attempts and its fallback. Otherwise the largest centred part of the
 * result's aspect, resized.
 *
 * @param size side of a square, or [height, width]
 * @throws ConfigError for a size, name or range that is none
 */
export function randomResizedCrop(size: SizeArgument, options: RandomResizedCropOptions = {}): PixelStep {
  checkOptions('preprocess.randomResizedCrop', options, RANDOM_RESIZED_CROP_OPTIONS);
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3], interpolation = 'bilinear' } = options;
  const where = 'preprocess.randomResizedCrop';
  const target = sizeOf(size, where);
  checkName(where, 'interpolation', interpolation, ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos']);
  checkInterval(where, 'scale', scale, 1);
  checkInterval(where, 'ratio', ratio, Number.POSITIVE_INFINITY);
  const resampler = new Resampler();
  return pixelStep({
    op: 'randomResizedCrop',
    args: [size, { scale, ratio, interpolation }],
    options: { size, scale, ratio, interpolation },
    outputSize: () => target,
    apply: (image, context, random) => {
      const aspect = target.width / target.height;
      const window = context.training
        ? drawWindow(image, scale, ratio, random())
        : centralWindow(image, aspect, aspect);
      return resample(resampler, cut(image, window), target, interpolation);
    },
  });
}

function drawWindow(
  image: RgbImage,
  scale: readonly [number, number],
  ratio: readonly [number, number],
  random: SampleRandom,
): Window {
  const logRatio = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = image.height * image.width * random.uniform(scale[0], scale[1]);
    const aspect = Math.exp(random.uniform(logRatio[0], logRatio[1]));
    const width = roundHalfEven(Math.sqrt(area * aspect));
    const height = roundHalfEven(Math.sqrt(area / aspect));
    if (width > 0 && width <= image.width && height > 0 && height <= image.height) {
      const top = random.integer(image.height - height + 1);
      const left = random.integer(image.width - width + 1);
      return { top, left, height, width };
    }
  }
  return centralWindow(image, ratio[0], ratio[1]);
}

/** The largest centred window whose width / height lies between the two. */
function centralWindow(image: Size, lowest: number, highest: number): Window {
  const aspect = image.width / image.height;
  let { height, width } = image;
  if (aspect < lowest) height = Math.max(1, Math.min(image.height, roundHalfEven(width / lowest)));
  else if (aspect > highest) width = Math.max(1, Math.min(image.width, roundHalfEven(height * highest)));
  return { top: Math.floor((image.height - height) / 2), left: Math.floor((image.width - width) / 2), height, width };
}

function checkInterval(where: string, name: string, range: readonly [number, number], highest: number): void {
  const [low, high] = range;
  if (range.length === 2 && low > 0 && low <= high && high <= highest && Number.isFinite(high)) return;
  throw new ConfigError({
    where,
    expected: `${name} to be [low, high] with 0 < low <= high${Number.isFinite(highest) ? ` <= ${highest}` : ''}`,
    got: JSON.stringify(range),
  });
}
