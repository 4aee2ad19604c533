import { ConfigError, checkList, checkOptions, InputError, type JsonObject, type OptionNames } from '@diptych/core';
import { placeOn } from './canvas.js';
import { checkName } from './check.js';
import { type Color, rgbOf } from './color.js';
import { type PixelStep, pixelStep } from './step.js';

/** What the new pixels show: one colour, the edge pixel, or the picture mirrored without or with its edge pixel. */
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';

/** Pixels on all sides, [left and right, top and bottom], or [left, top, right, bottom], as in torchvision. */
export type Padding = number | readonly [number, number] | readonly [number, number, number, number];

/** Settings of {@link pad}. */
export interface PadOptions {
  /** Colour of the new pixels in mode `constant`. Default black. */
  readonly fill?: Color;
  /** Default `constant`. */
  readonly mode?: PaddingMode;
}

const PAD_OPTIONS: OptionNames<PadOptions> = {
  fill: 'optional',
  mode: 'optional',
};

/**
 * Adds a border, as `torchvision.transforms.Pad`.
 *
 * @throws ConfigError for negative or fractional padding, or an unknown mode
 */
export function pad(padding: Padding, settings: PadOptions = {}): PixelStep {
  checkOptions('preprocess.pad', settings, PAD_OPTIONS);
  const { fill = 'black', mode = 'constant' } = settings;
  const where = 'preprocess.pad';
  if (typeof padding !== 'number') checkList(where, 'the padding', padding);
  const [left, top, right, bottom] = sidesOf(padding, where);
  const color = rgbOf(fill, where);
  checkName(where, 'mode', mode, ['constant', 'edge', 'reflect', 'symmetric']);
  const options: JsonObject = mode === 'constant' ? { fill, mode } : { mode };
  const enlarge = ({ height, width }: { height: number; width: number }) => ({
    height: height + top + bottom,
    width: width + left + right,
  });
  return pixelStep({
    op: 'pad',
    args: [padding, options as { [key: string]: string }],
    options: { padding, ...options },
    outputSize: (input) => input && enlarge(input),
    apply: (image) => {
      const size = enlarge(image);
      if (mode === 'constant') return placeOn(size, color, image, top, left);
      const rows = mirroredPositions(mode, image.height, top, bottom);
      const columns = mirroredPositions(mode, image.width, left, right);
      const data = new Uint8Array(size.height * size.width * 3);
      let to = 0;
      for (const row of rows) {
        for (const column of columns) {
          const from = (row * image.width + column) * 3;
          data[to++] = image.data[from]!;
          data[to++] = image.data[from + 1]!;
          data[to++] = image.data[from + 2]!;
        }
      }
      return { data, ...size };
    },
  });
}

function sidesOf(padding: Padding, where: string): readonly [number, number, number, number] {
  const values = typeof padding === 'number' ? [padding] : [...padding];
  if (![1, 2, 4].includes(values.length) || values.some((value) => !Number.isInteger(value) || value < 0)) {
    throw new ConfigError({
      where,
      expected: 'padding in pixels: one number, [left and right, top and bottom] or [left, top, right, bottom]',
      got: JSON.stringify(padding),
    });
  }
  const [left, top = left, right = left, bottom = top] = values as [number, number?, number?, number?];
  return [left, top, right, bottom];
}

/** The source position of each position along one padded axis, as `numpy.pad` defines the modes. */
function mirroredPositions(
  mode: Exclude<PaddingMode, 'constant'>,
  size: number,
  before: number,
  after: number,
): number[] {
  const edge = mode === 'reflect' ? 1 : 0;
  if (mode !== 'edge' && Math.max(before, after) > size - edge) {
    throw new InputError({
      where: 'preprocess.pad',
      problem: `cannot ${mode === 'reflect' ? 'reflect' : 'mirror'} ${Math.max(before, after)} pixels of a side of ${size}`,
      remedy: "use a smaller padding, or mode 'edge'",
    });
  }
  return Array.from({ length: before + size + after }, (_, i) => {
    const position = i - before;
    if (mode === 'edge') return Math.min(size - 1, Math.max(0, position));
    if (position < 0) return -position - 1 + edge;
    if (position >= size) return 2 * size - 1 - edge - position;
    return position;
  });
}
