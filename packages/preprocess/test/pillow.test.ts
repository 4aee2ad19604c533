import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RgbImage } from '@diptych/core';
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  autoContrast,
  equalize,
  flipHorizontally,
  flipVertically,
  type Interpolation,
  type Padding,
  type PaddingMode,
  pad,
  posterize,
  resize,
  solarize,
} from '@diptych/preprocess/image';
import { expect, it } from 'vitest';
import { randAugmentOperations } from '../src/image/rand-augment.js';
import { picture } from './picture.js';

/** One operation of PIL or torchvision and what came out; made by reference/gen_preprocess_fixtures.py. */
interface Fixture {
  op: string;
  value?: number;
  size?: number | [number, number];
  maxSize?: number;
  interpolation?: Interpolation;
  padding?: Padding;
  mode?: PaddingMode;
  input: [number, number];
  output: [number, number];
  sha256: string;
}

const fixtures = JSON.parse(
  readFileSync(new URL('./__fixtures__/pillow.json', import.meta.url), 'utf8'),
) as readonly Fixture[];

const operations: Record<string, (image: RgbImage, fixture: Fixture) => RgbImage> = {
  brightness: (image, { value }) => adjustBrightness(image, value!),
  contrast: (image, { value }) => adjustContrast(image, value!),
  saturation: (image, { value }) => adjustSaturation(image, value!),
  sharpness: (image, { value }) => adjustSharpness(image, value!),
  hue: (image, { value }) => adjustHue(image, value!),
  posterize: (image, { value }) => posterize(image, value!),
  solarize: (image, { value }) => solarize(image, value!),
  autoContrast,
  equalize,
  flipHorizontally,
  flipVertically,
  resize: (image, { size, interpolation }) => resize(size!, interpolation!)(image),
  resizeMax: (image, { size, interpolation, maxSize }) => resize(size!, { interpolation, maxSize })(image),
  pad: (image, { padding, mode }) => pad(padding!, { mode, fill: [9, 99, 199] })(image),
};

for (const operation of randAugmentOperations) {
  operations[operation.name] ??= (image, { value }) => operation.apply(image, value!, [10, 20, 30]);
}

it.each(fixtures.map((fixture) => [describeFixture(fixture), fixture] as const))('%s', (_, fixture) => {
  const result = operations[fixture.op]!(picture(...fixture.input), fixture);
  expect([result.width, result.height]).toEqual(fixture.output);
  expect(createHash('sha256').update(result.data).digest('hex')).toBe(fixture.sha256);
});

function describeFixture({ op, sha256, output, ...options }: Fixture): string {
  return `${op} ${JSON.stringify(options)}`;
}
