import { ConfigError, checkOptions, type OptionNames, type RgbImage } from '@diptych/core';
import { placeOn } from './canvas.js';
import { type SizeArgument, sizeOf } from './check.js';
import type { Window } from './resampler.js';
import { type PixelStep, pixelStep, type Size } from './step.js';

/** Settings of {@link centerCrop}. */
export interface CenterCropOptions {
  /** Of the offset, where the crop cannot lie in the middle: `even` as torchvision, `down` as transformers. */
  readonly rounding?: 'even' | 'down';
}

const CENTER_CROP_OPTIONS: OptionNames<CenterCropOptions> = {
  rounding: 'optional',
};

/** A crop whose place depends on the picture's size only. */
export interface CenterCropStep extends PixelStep {
  /** The part of a picture of this size that stays; undefined where the picture is smaller and gets padded. */
  window(input: Size): Window | undefined;
}

/**
 * Cuts out the centre like `torchvision.transforms.CenterCrop`: the offset is `round((full - crop) / 2)` with ties to even;
 * a picture smaller than the crop is first padded with zeros.
 *
 * @param size side of a square, or [height, width]
 * @throws ConfigError for a size that is none, or another rounding
 */
export function centerCrop(size: SizeArgument, options: CenterCropOptions = {}): CenterCropStep {
  checkOptions('preprocess.centerCrop', options, CENTER_CROP_OPTIONS);
  const { rounding = 'even' } = options;
  const crop = sizeOf(size, 'preprocess.centerCrop');
  if (rounding !== 'even' && rounding !== 'down') {
    throw new ConfigError({
      where: 'preprocess.centerCrop',
      expected: "rounding to be 'even' or 'down'",
      got: JSON.stringify(rounding),
    });
  }
  const round = rounding === 'even' ? roundHalfEven : Math.floor;
  const window = (input: Size): Window | undefined =>
    input.height < crop.height || input.width < crop.width
      ? undefined
      : {
          top: round((input.height - crop.height) / 2),
          left: round((input.width - crop.width) / 2),
          ...crop,
        };
  const step = pixelStep({
    op: 'centerCrop',
    args: rounding === 'even' ? [size] : [size, { rounding }],
    options: rounding === 'even' ? { size } : { size, rounding },
    outputSize: () => crop,
    apply: (image) => {
      const large = padToAtLeast(image, crop);
      return cut(large, window(large)!);
    },
  });
  return Object.assign(step, { window });
}

/** The window of a picture that lies wholly inside it. */
export function cut(image: RgbImage, { top, left, height, width }: Window): RgbImage {
  if (height === image.height && width === image.width) return image;
  const data = new Uint8Array(height * width * 3);
  for (let row = 0; row < height; row++) {
    const from = ((top + row) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { data, height, width };
}

/** Python's `round`: ties go to the even number. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

function padToAtLeast(image: RgbImage, { height, width }: Size): RgbImage {
  const missingRows = Math.max(0, height - image.height);
  const missingColumns = Math.max(0, width - image.width);
  if (missingRows === 0 && missingColumns === 0) return image;
  const size = { height: image.height + missingRows, width: image.width + missingColumns };
  return placeOn(size, [0, 0, 0], image, Math.floor(missingRows / 2), Math.floor(missingColumns / 2));
}
