import { ConfigError, checkOptions, type OptionNames, type RgbImage, shuffle } from '@diptych/core';
import { adjustBrightness, adjustContrast, adjustSaturation } from './enhance.js';
import { adjustHue } from './hue.js';
import { type PixelStep, pixelStep } from './step.js';

/** Strength of one change: one number stands for [max(0, 1 - x), 1 + x], for hue for [-x, x]. */
export type JitterRange = number | readonly [low: number, high: number];

/** Settings of {@link colorJitter}; what is missing stays. */
export interface ColorJitterOptions {
  readonly brightness?: JitterRange;
  readonly contrast?: JitterRange;
  readonly saturation?: JitterRange;
  /** Part of the colour circle, within [-0.5, 0.5]. */
  readonly hue?: JitterRange;
}

const OPTIONS: OptionNames<ColorJitterOptions> = {
  brightness: 'optional',
  contrast: 'optional',
  saturation: 'optional',
  hue: 'optional',
};

type Adjustment = readonly [
  name: keyof ColorJitterOptions,
  adjust: (image: RgbImage, factor: number) => RgbImage,
  neutral: number,
];

const adjustments: readonly Adjustment[] = [
  ['brightness', adjustBrightness, 1],
  ['contrast', adjustContrast, 1],
  ['saturation', adjustSaturation, 1],
  ['hue', adjustHue, 0],
];

/**
 * In training, changes brightness, contrast, saturation and hue by random factors in random order
 * (`torchvision.transforms.ColorJitter` on a PIL image: for the same factors, the same bytes).
 *
 * @throws ConfigError for a range that is none
 */
export function colorJitter(options: ColorJitterOptions): PixelStep {
  checkOptions('preprocess.colorJitter', options, OPTIONS);
  const { brightness, contrast, saturation, hue } = options;
  const given = { brightness, contrast, saturation, hue };
  const active = adjustments.flatMap(([name, adjust, neutral]) => {
    const range = given[name];
    return range === undefined ? [] : [{ adjust, range: rangeOf(name, range, neutral) }];
  });
  return pixelStep({
    op: 'colorJitter',
    args: [given],
    options: given,
    apply: (image, context, random) => {
      if (!context.training) return image;
      const draw = random();
      let result = image;
      for (const { adjust, range } of shuffle([...active], draw))
        result = adjust(result, draw.uniform(range[0], range[1]));
      return result;
    },
  });
}

function rangeOf(name: keyof ColorJitterOptions, range: JitterRange, neutral: number): readonly [number, number] {
  const isHue = name === 'hue';
  const lowest = isHue ? -0.5 : 0;
  const highest = isHue ? 0.5 : Number.MAX_VALUE;
  const [low, high] =
    typeof range === 'number' ? [Math.max(isHue ? -range : 0, neutral - range), neutral + range] : range;
  if (low >= lowest && low <= high && high <= highest && !(typeof range === 'number' && range < 0)) return [low, high];
  throw new ConfigError({
    where: 'preprocess.colorJitter',
    expected: isHue ? 'hue from 0 to 0.5, or [low, high] within [-0.5, 0.5]' : `${name} from 0, or [low, high] from 0`,
    got: JSON.stringify(range),
  });
}
