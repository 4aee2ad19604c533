import { ConfigError, checkOptions, InputError, type OptionNames, type RgbImage } from '@diptych/core';
import { checkName, type SizeArgument, sizeOf } from './check.js';
import type { Interpolation } from './resample-filters.js';
import { Resampler, type Window } from './resampler.js';
import { type PixelStep, pixelStep, type Size } from './step.js';

/** Longest side of a resized picture. */
const MAX_SIDE = 2 ** 24;

const interpolations = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'] as const;

/** Settings of {@link resize}. */
export interface ResizeOptions {
  /** Default `bilinear`, as in torchvision. */
  readonly interpolation?: Interpolation;
  /** With a short side: the long side becomes no longer than this, and the short one shorter if need be. */
  readonly maxSize?: number;
}

const OPTIONS: OptionNames<ResizeOptions> = { interpolation: 'optional', maxSize: 'optional' };

/** A resize that can also give only a part of its result. */
export interface ResizeStep extends PixelStep {
  /** The window of the result that `choose` names for the resized picture's size; the same bytes as a crop afterwards. */
  resizeWindow(image: RgbImage, choose: (resized: Size) => Window | undefined): RgbImage | undefined;
}

/**
 * Resizes like `torchvision.transforms.Resize` on a PIL image: Pillow's antialiased resampling, the same bytes.
 *
 * @param size one number: length of the short side, the long side is `int(size * long / short)`. [height, width]: exactly
 *   that, whatever the aspect
 * @param settings the interpolation, or an object of options
 * @throws ConfigError for a size or name that is none
 */
export function resize(size: SizeArgument, settings: Interpolation | ResizeOptions = {}): ResizeStep {
  const where = 'preprocess.resize';
  if (typeof settings !== 'string') checkOptions(where, settings, OPTIONS);
  const { interpolation = 'bilinear', maxSize } = typeof settings === 'string' ? { interpolation: settings } : settings;
  sizeOf(size, where);
  checkName(where, 'interpolation', interpolation, interpolations);
  if (maxSize !== undefined && (typeof size !== 'number' || !(sizeOf(maxSize, where).height > size))) {
    throw new ConfigError({
      where,
      expected: 'maxSize only with one number as size, and larger than that',
      got: `size ${JSON.stringify(size)}, maxSize ${maxSize}`,
    });
  }
  const resampler = new Resampler();
  const target = (input: Size): Size => {
    if (typeof size !== 'number') return { height: size[0], width: size[1] };
    return scaleShortSide(input, size, maxSize);
  };
  const resizeWindow = (image: RgbImage, choose: (resized: Size) => Window | undefined) => {
    const resized = checkResult(target(image), image);
    const window = choose(resized);
    return window && resample(resampler, image, resized, interpolation, window);
  };
  const step = pixelStep({
    op: 'resize',
    args: [size, maxSize === undefined ? interpolation : { interpolation, maxSize }],
    options: { size, interpolation, maxSize },
    outputSize: (input) => (input || typeof size !== 'number' ? target(input ?? { height: 1, width: 1 }) : undefined),
    apply: (image) => resizeWindow(image, ({ height, width }) => ({ top: 0, left: 0, height, width }))!,
  });
  return Object.assign(step, { resizeWindow });
}

/**
 * Resizes with the bytes of `PIL.Image.resize`: the given window of the `resized` whole.
 *
 * @throws InputError if it would take more than 1 GiB
 */
export function resample(
  resampler: Resampler,
  image: RgbImage,
  resized: Size,
  interpolation: Interpolation,
  window: Window = { top: 0, left: 0, ...resized },
): RgbImage {
  const { height, width } = image;
  if ([resized, window].every((size) => size.height === height && size.width === width)) {
    return { data: image.data.slice(), height, width }; // what every filter gives for the same size
  }
  if (interpolation === 'nearest') return nearest(image, resized, window);
  return resampler.resize(image, resized.height, resized.width, interpolation, window);
}

/** torchvision's `_compute_resized_output_size` for one number. */
function scaleShortSide({ height, width }: Size, size: number, maxSize: number | undefined): Size {
  const [short, long] = height <= width ? [height, width] : [width, height];
  let newShort = size;
  let newLong = Math.trunc((size * long) / short);
  if (maxSize !== undefined && newLong > maxSize) {
    newShort = Math.trunc((maxSize * newShort) / newLong);
    newLong = maxSize;
  }
  return height <= width ? { height: newShort, width: newLong } : { height: newLong, width: newShort };
}

function checkResult(resized: Size, image: RgbImage): Size {
  const fits = (side: number) => side > 0 && side <= MAX_SIDE;
  if (fits(resized.height) && fits(resized.width)) return resized;
  throw new InputError({
    where: 'preprocess.resize',
    problem: `a picture of ${image.width}x${image.height} pixels would become ${resized.width}x${resized.height}`,
    remedy: 'leave out pictures of such an extreme shape, or resize to [height, width] instead of the short side',
  });
}

/** Pillow's nearest neighbour (`ImagingScaleAffine`): the pixel under each output pixel's centre, positions added up. */
function nearest(image: RgbImage, resized: Size, { top, left, height, width }: Window): RgbImage {
  const columns = nearestPositions(image.width, resized.width, left, width);
  const rows = nearestPositions(image.height, resized.height, top, height);
  const data = new Uint8Array(height * width * 3);
  let to = 0;
  for (const row of rows) {
    const start = row * image.width;
    for (const column of columns) {
      const from = (start + column) * 3;
      data[to++] = image.data[from]!;
      data[to++] = image.data[from + 1]!;
      data[to++] = image.data[from + 2]!;
    }
  }
  return { data, height, width };
}

function nearestPositions(input: number, output: number, from: number, length: number): Int32Array {
  const positions = new Int32Array(length);
  const scale = input / output;
  let position = scale * 0.5;
  for (let i = 0; i < from + length; i++, position += scale) {
    if (i >= from) positions[i - from] = Math.min(input - 1, Math.trunc(position));
  }
  return positions;
}
