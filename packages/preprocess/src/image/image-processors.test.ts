import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type JsonObject, plainSample } from '@diptych/core';
import { afterAll, describe, expect, it } from 'vitest';
import { imageTransform } from './image-transform.js';

/** What transformers' Pillow backend (or timm) made of one picture: reference/gen_image_processors.py. */
interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, JsonObject>>;
  readonly shape: readonly [number, number, number];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Places of pixels, row by row, and their values. */
  readonly at: readonly number[];
  readonly values: readonly (readonly number[])[];
}

const fixture = (name: string) => fileURLToPath(new URL(`__fixtures__/${name}`, import.meta.url));
const { cases } = JSON.parse(readFileSync(fixture('image-processors.json'), 'utf8')) as { cases: readonly Case[] };
const folder = mkdtempSync(join(tmpdir(), 'diptych-processors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("image processors give transformers' pixels", () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (name, { files, shape, mean, std, at, values }) => {
    const model = join(folder, name.replace(/\W/g, ''));
    mkdirSync(model);
    for (const [file, content] of Object.entries(files)) writeFileSync(join(model, file), JSON.stringify(content));
    const transform = imageTransform(model);
    expect(transform.outputShape).toEqual(shape);
    const [height, width, channels] = shape;
    const pixels = new Float32Array(height * width * channels);
    await transform.into(fixture('image-processors.png'), pixels, 0, plainSample);
    at.forEach((place, i) => {
      values[i]!.forEach((value, channel) => {
        expect(pixels[place * channels + channel]).toBeCloseTo(value, 4);
      });
    });
    for (let channel = 0; channel < channels; channel++) {
      const own = pixels.filter((_, i) => i % channels === channel);
      const average = own.reduce((sum, value) => sum + value, 0) / own.length;
      const variance = own.reduce((sum, value) => sum + (value - average) ** 2, 0) / own.length;
      expect(average).toBeCloseTo(mean[channel]!, 4);
      expect(Math.sqrt(variance)).toBeCloseTo(std[channel]!, 4);
    }
  });
});
