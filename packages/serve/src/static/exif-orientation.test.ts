import sharp from 'sharp';
import { expect, it } from 'vitest';
import { exifOrientation } from './exif-orientation.js';

const jpeg = (orientation?: number) => {
  const picture = sharp({ create: { width: 8, height: 4, channels: 3, background: 'red' } });
  return (orientation === undefined ? picture : picture.withMetadata({ orientation })).jpeg().toBuffer();
};

it('reads how a picture is to be turned, and takes what is cut short or no JPEG as upright', async () => {
  for (const orientation of [1, 3, 6, 8]) expect(exifOrientation(await jpeg(orientation))).toBe(orientation);
  expect(exifOrientation(await jpeg())).toBe(1);
  const turned = await jpeg(6);
  for (let length = 0; length < 40; length++) expect([1, 6]).toContain(exifOrientation(turned.subarray(0, length)));
  expect(exifOrientation(await sharp(turned).png().toBuffer())).toBe(1);
});
