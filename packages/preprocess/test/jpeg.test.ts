import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { compose, decodeImage } from '@diptych/preprocess/image';
import { expect, it } from 'vitest';
import { JpegDecoder } from '../src/image/jpeg-decoder.js';

/** A JPEG file and what Pillow reads in it; made by reference/gen_jpeg_fixtures.py. */
interface Fixture {
  name: string;
  jpeg: string;
  size: [number, number];
  sha256: string;
}

const fixtures = JSON.parse(
  readFileSync(new URL('./__fixtures__/jpeg.json', import.meta.url), 'utf8'),
) as readonly Fixture[];
const pipeline = compose([]);
const decoder = new JpegDecoder();

it.each(fixtures)("$name: Pillow's pixels, in place, by sharp and in a pipeline", async ({ jpeg, size, sha256 }) => {
  const bytes = Buffer.from(jpeg, 'base64');
  for (const found of [decoder.decode(bytes, 1e6), await decodeImage(bytes), await pipeline.pixels(bytes)]) {
    expect([found?.width, found?.height]).toEqual(size);
    expect(createHash('sha256').update(found!.data).digest('hex')).toBe(sha256);
  }
});
