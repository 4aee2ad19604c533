import { checkOptions, type OptionNames } from '@diptych/core';
import { placeOn } from './canvas.js';
import { checkName, type SizeArgument, sizeOf } from './check.js';
import { type Color, rgbOf } from './color.js';
import { roundHalfEven } from './crop.js';
import type { Interpolation } from './resample-filters.js';
import { Resampler } from './resampler.js';
import { resample } from './resize.js';
import { type PixelStep, pixelStep } from './step.js';

/** Settings of {@link letterbox}. */
export interface LetterboxOptions {
  /** Colour of the bars. Default black. */
  readonly fill?: Color;
  /** Default `bilinear`. */
  readonly interpolation?: Interpolation;
}

const LETTERBOX_OPTIONS: OptionNames<LetterboxOptions> = {
  fill: 'optional',
  interpolation: 'optional',
};

/**
 * Fits the whole picture into a frame and keeps its aspect; bars fill the rest, evenly on both sides. The same as timm's
 * `ResizeKeepRatio(longest=1)` and `CenterCropOrPad`.
 *
 * @param size side of a square, or [height, width]
 * @throws ConfigError for a size, colour or name that is none
 */
export function letterbox(size: SizeArgument, options: LetterboxOptions = {}): PixelStep {
  checkOptions('preprocess.letterbox', options, LETTERBOX_OPTIONS);
  const { fill = 'black', interpolation = 'bilinear' } = options;
  const where = 'preprocess.letterbox';
  const frame = sizeOf(size, where);
  const color = rgbOf(fill, where);
  checkName(where, 'interpolation', interpolation, ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos']);
  const resampler = new Resampler();
  return pixelStep({
    op: 'letterbox',
    args: [size, { fill, interpolation }],
    options: { size, fill, interpolation },
    outputSize: () => frame,
    apply: (image) => {
      const ratio = Math.max(image.height / frame.height, image.width / frame.width);
      const fitted = {
        height: Math.max(1, Math.min(frame.height, roundHalfEven(image.height / ratio))),
        width: Math.max(1, Math.min(frame.width, roundHalfEven(image.width / ratio))),
      };
      const top = Math.floor((frame.height - fitted.height) / 2);
      const left = Math.floor((frame.width - fitted.width) / 2);
      return placeOn(frame, color, resample(resampler, image, fitted, interpolation), top, left);
    },
  });
}
