import { ConfigError, checkOptions, type OptionNames } from '@diptych/core';
import { placeOn } from './canvas.js';
import { type Color, rgbOf } from './color.js';
import { type PixelStep, pixelStep } from './step.js';

/** Settings of {@link randomShift}. */
export interface RandomShiftOptions {
  /** Largest shift in each direction; whole pixels. */
  readonly pixels: number;
  /** Colour of the uncovered pixels. Default black. */
  readonly fill?: Color;
}

const RANDOM_SHIFT_OPTIONS: OptionNames<RandomShiftOptions> = {
  pixels: 'required',
  fill: 'optional',
};

/**
 * In training, moves the whole picture by up to `pixels` to either side, up and down; every whole shift is equally likely. The
 * same as padding by `pixels` and cutting out the old size at random.
 *
 * @throws ConfigError for a negative or fractional number of pixels
 */
export function randomShift(options: RandomShiftOptions): PixelStep {
  checkOptions('preprocess.randomShift', options, RANDOM_SHIFT_OPTIONS);
  const { pixels, fill = 'black' } = options;
  const where = 'preprocess.randomShift';
  const color = rgbOf(fill, where);
  if (!Number.isInteger(pixels) || pixels < 0) {
    throw new ConfigError({ where, expected: 'pixels to be a whole number from 0', got: String(pixels) });
  }
  return pixelStep({
    op: 'randomShift',
    args: [{ pixels, fill }],
    options: { pixels, fill },
    apply: (image, context, random) => {
      if (!context.training) return image;
      const draw = random();
      const down = draw.integer(2 * pixels + 1) - pixels;
      const right = draw.integer(2 * pixels + 1) - pixels;
      return down === 0 && right === 0 ? image : placeOn(image, color, image, down, right);
    },
  });
}
