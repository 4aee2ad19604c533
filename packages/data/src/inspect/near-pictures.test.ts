import type { RgbImage } from '@diptych/core';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { NearPictures, thumbprint } from './near-pictures.js';

/** A picture of noise in large patches, which another seed makes anew. */
function patches(seed: number, contrast = 1) {
  const data = Uint8Array.from({ length: 12 * 9 * 3 }, (_, i) => {
    const value = Math.abs(Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453) % 1;
    return 128 + (value - 0.5) * 200 * contrast;
  });
  return sharp(data, { raw: { width: 12, height: 9, channels: 3 } }).resize(240, 180, { kernel: 'cubic' });
}

async function pixels(encoded: Buffer): Promise<RgbImage> {
  const { data, info } = await sharp(encoded).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height };
}

async function found(pictures: Record<string, Promise<Buffer>>) {
  const near = new NearPictures();
  for (const [name, encoded] of Object.entries(pictures)) near.add(thumbprint(await pixels(await encoded)), name);
  return near.find().map(({ where, earlier }) => `${where} = ${earlier}`);
}

it('finds other sizes, encodings and qualities of a picture', async () => {
  const original = await patches(1).png().toBuffer();
  expect(
    await found({
      original: Promise.resolve(original),
      other: patches(2).png().toBuffer(),
      poor: sharp(original).jpeg({ quality: 30 }).toBuffer(),
      small: sharp(original).resize(100).jpeg().toBuffer(),
      large: sharp(original).resize(500).webp().toBuffer(),
      mirrored: sharp(original).flop().png().toBuffer(),
      narrow: sharp(original).resize(200, 180, { fit: 'fill' }).png().toBuffer(),
    }),
  ).toEqual(['poor = original', 'small = original', 'large = original']);
});

it('keeps plain pictures of other colours apart, and dark ones of low contrast', async () => {
  const plain = (red: number) =>
    sharp({ create: { width: 30, height: 30, channels: 3, background: { r: red, g: 40, b: 40 } } })
      .png()
      .toBuffer();
  expect(await found({ a: plain(200), b: plain(206), c: plain(120), again: plain(200) })).toEqual(['again = a']);
  const dark = (seed: number) => patches(seed, 0.04).png().toBuffer();
  expect(await found({ a: dark(1), b: dark(2), c: dark(3) })).toEqual([]);
});

it('takes pictures smaller than what it compares', () => {
  const { cells } = thumbprint({ data: Uint8Array.of(0, 0, 0, 255, 255, 255), width: 2, height: 1 });
  expect([cells[0], cells[7 * 3], cells[8 * 3], cells[15 * 3]]).toEqual([0, 0, 255, 255]);
});

it('names the earliest of many, and compares thousands', () => {
  const near = new NearPictures();
  for (let i = 0; i < 3000; i++) {
    const value = (channel: number) => Math.abs(Math.sin(((i % 2990) + 1) * 3.7 + channel) * 255);
    near.add(thumbprint({ data: Uint8Array.of(value(0), value(1), value(2)), width: 1, height: 1 }), String(i));
  }
  const found = near.find();
  expect(found.filter(({ where }) => Number(where) >= 2990)).toHaveLength(10);
  expect(found.every(({ where, earlier }) => Number(earlier) < Number(where))).toBe(true);
});
