import type { RgbImage } from '@diptych/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { picture } from '../../test/picture.js';
import { cut } from './crop.js';
import { axisCoefficients } from './resample-coefficients.js';
import { type Interpolation, resampleFilters } from './resample-filters.js';
import { Resampler } from './resampler.js';

type Filter = Exclude<Interpolation, 'nearest'>;
const filters = Object.keys(resampleFilters) as Filter[];

/** The two passes in plain integers, to be compared with the kernel. */
function slowly(image: RgbImage, height: number, width: number, filter: Filter): Uint8Array {
  const columns = axisCoefficients(resampleFilters[filter], image.width, width);
  const rows = axisCoefficients(resampleFilters[filter], image.height, height);
  const middle = new Uint8ClampedArray(image.height * width * 3);
  for (let i = 0; i < middle.length; i++) {
    const x = Math.floor(i / 3) % width;
    const row = Math.floor(i / 3 / width) * image.width;
    let sum = 2 ** 21;
    for (let tap = 0; tap < columns.count[x]!; tap++) {
      sum += image.data[(row + columns.first[x]! + tap) * 3 + (i % 3)]! * columns.weights[x * columns.taps + tap]!;
    }
    middle[i] = sum >> 22;
  }
  const result = new Uint8ClampedArray(height * width * 3);
  for (let i = 0; i < result.length; i++) {
    const y = Math.floor(i / 3 / width);
    let sum = 2 ** 21;
    for (let tap = 0; tap < rows.count[y]!; tap++) {
      sum += middle[(rows.first[y]! + tap) * width * 3 + (i % (width * 3))]! * rows.weights[y * rows.taps + tap]!;
    }
    result[i] = sum >> 22;
  }
  return Uint8Array.from(result);
}

const side = fc.integer({ min: 1, max: 70 });

it('gives the bytes of the plain computation, at any size and one call after the other', () => {
  const resampler = new Resampler();
  fc.assert(
    fc.property(side, side, side, side, fc.constantFrom(...filters), (inWidth, inHeight, width, height, filter) => {
      const image = picture(inWidth, inHeight);
      expect(resampler.resize(image, height, width, filter).data).toEqual(slowly(image, height, width, filter));
    }),
    { numRuns: 120 },
  );
});

it('is exact where thousands of taps meet', () => {
  const image = picture(9000, 3);
  expect(new Resampler().resize(image, 2, 2, 'lanczos').data).toEqual(slowly(image, 2, 2, 'lanczos'));
  const white = { data: new Uint8Array(9000 * 3).fill(255), width: 9000, height: 1 };
  expect(new Resampler().resize(white, 1, 3, 'bicubic').data.every((byte) => byte === 255)).toBe(true);
});

it('computes a window with the bytes of a crop afterwards', () => {
  const resampler = new Resampler();
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), fc.nat(), fc.constantFrom(...filters), (a, b, c, d, filter) => {
      const image = picture(53, 41);
      const [height, width] = [37, 64];
      const top = a % height;
      const left = b % width;
      const window = { top, left, height: 1 + (c % (height - top)), width: 1 + (d % (width - left)) };
      const whole = resampler.resize(image, height, width, filter);
      expect(resampler.resize(image, height, width, filter, window)).toEqual(cut(whole, window));
    }),
    { numRuns: 100 },
  );
});

it('refuses what would take more than a gibibyte', () => {
  expect(() => new Resampler().resize(picture(4, 4), 40_000, 40_000, 'box')).toThrow(/would take .* GiB/);
});
