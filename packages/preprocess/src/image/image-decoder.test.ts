import type { RgbImage } from '@diptych/core';
import sharp, { type JpegOptions } from 'sharp';
import { describe, expect, it } from 'vitest';
import { picture } from '../../test/picture.js';
import { centerCrop } from './crop.js';
import { decodeImage } from './decode.js';
import { ImageDecoder } from './image-decoder.js';
import { JpegDecoder } from './jpeg-decoder.js';
import { compose } from './pipeline.js';
import { resize } from './resize.js';

const copyOf = ({ data, width, height }: RgbImage) => ({ data: Uint8Array.from(data), width, height });
const toJpeg = (image: RgbImage, options: JpegOptions = {}) =>
  sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .jpeg(options)
    .toBuffer();
const anyPixels = 2 ** 31;

describe("the decoder in place gives the bytes of sharp's", () => {
  const kinds: readonly [string, JpegOptions][] = [
    ['4:2:0', { chromaSubsampling: '4:2:0' }],
    ['4:4:4', { chromaSubsampling: '4:4:4' }],
    ['progressive', { progressive: true }],
    ['progressive 4:4:4', { progressive: true, chromaSubsampling: '4:4:4', quality: 97 }],
    ['coarse', { quality: 3 }],
    ['finest', { quality: 100 }],
  ];
  const sizes = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64];
  it.each(kinds)('%s', async (_, options) => {
    const decoder = new JpegDecoder();
    for (const width of sizes) {
      for (const height of [1, 5, 16, 17, 40]) {
        const jpeg = await toJpeg(picture(width, height), options);
        const found = decoder.decode(jpeg, anyPixels);
        expect(found).toBeDefined();
        expect(copyOf(found!)).toEqual(copyOf(await decodeImage(jpeg)));
      }
    }
  });

  it('grey', async () => {
    const jpeg = await sharp(picture(37, 21).data, { raw: { width: 37, height: 21, channels: 3 } })
      .greyscale()
      .jpeg()
      .toBuffer();
    expect(copyOf(new JpegDecoder().decode(jpeg, anyPixels)!)).toEqual(copyOf(await decodeImage(jpeg)));
  });
});

describe('what leaves a doubt is left to sharp', () => {
  it('CMYK, too many pixels, other formats, nothing at all', async () => {
    const decoder = new JpegDecoder();
    const jpeg = await toJpeg(picture(20, 20));
    const cmyk = await sharp(jpeg).toColourspace('cmyk').jpeg().toBuffer();
    expect(decoder.decode(cmyk, anyPixels)).toBeUndefined();
    expect(decoder.decode(jpeg, 399)).toBeUndefined();
    expect(decoder.decode(await sharp(jpeg).png().toBuffer(), anyPixels)).toBeUndefined();
    expect(decoder.decode(new Uint8Array(), anyPixels)).toBeUndefined();
    expect(decoder.decode(jpeg, 400)).toBeDefined();
    const huge = await sharp({ create: { width: 2049, height: 2048, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    expect(decoder.decode(huge, anyPixels)).toBeUndefined();
  });

  it('files cut short at any byte, and the decoder works on', async () => {
    const decoder = new JpegDecoder();
    for (const progressive of [false, true]) {
      const jpeg = await toJpeg(picture(24, 24), { progressive });
      for (let length = 0; length < jpeg.length - 2; length += 7) {
        expect(decoder.decode(jpeg.subarray(0, length), anyPixels)).toBeUndefined();
      }
      expect(decoder.decode(jpeg, anyPixels)).toBeDefined();
    }
  });

  it('a scan repeated a thousand times', async () => {
    const jpeg = await toJpeg(picture(16, 16), { progressive: true });
    const lastScan = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
    const scan = jpeg.subarray(lastScan, jpeg.length - 2);
    const many = Buffer.concat([jpeg.subarray(0, -2), ...new Array<Buffer>(1000).fill(scan), jpeg.subarray(-2)]);
    expect(new JpegDecoder().decode(many, anyPixels)).toBeUndefined();
  });

  it('flipped bytes: the same bytes as sharp or the same refusal', async () => {
    const decoder = new ImageDecoder();
    const outcome = (result: Promise<RgbImage>) => result.then(copyOf, (error: Error) => error.message);
    for (const progressive of [false, true]) {
      const jpeg = await toJpeg(picture(40, 24), { progressive });
      for (let at = 2; at < jpeg.length; at += 5) {
        const damaged = Uint8Array.from(jpeg);
        damaged[at]! ^= 1 << (at % 8);
        expect(await outcome(decoder.withDecoded(damaged, copyOf))).toEqual(await outcome(decodeImage(damaged)));
      }
    }
  });
});

describe('in a pipeline', () => {
  const pictures = [picture(30, 20), picture(31, 23), picture(20, 20)];

  it('pictures under way at once, or one by one, are the same; none is overwritten', async () => {
    const jpegs = await Promise.all(pictures.map((image) => toJpeg(image)));
    const expected = await Promise.all(jpegs.map(async (jpeg) => copyOf(await decodeImage(jpeg))));
    const pipeline = compose([]);
    const atOnce = await Promise.all(jpegs.map((jpeg) => pipeline.pixels(jpeg)));
    const oneByOne: RgbImage[] = [];
    for (const jpeg of jpegs) oneByOne.push(await pipeline.pixels(jpeg));
    const decoded: RgbImage[] = [];
    for (const jpeg of jpegs) decoded.push(await pipeline.decode(jpeg));
    for (const found of [atOnce, oneByOne, decoded]) expect(found.map(copyOf)).toEqual(expected);
  });

  it("a user's function may keep what it gets", async () => {
    const kept: RgbImage[] = [];
    const keeping = compose([(image) => kept[kept.push(image) - 1]!, resize([8, 8]), centerCrop(8)]);
    const jpegs = await Promise.all(pictures.map((image) => toJpeg(image)));
    for (const jpeg of jpegs) await keeping.pixels(jpeg);
    expect(kept.map(copyOf)).toEqual(await Promise.all(jpegs.map(async (jpeg) => copyOf(await decodeImage(jpeg)))));
  });

  it('the orientation is applied where it is asked for', async () => {
    const turned = await sharp(await toJpeg(picture(30, 20)))
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const { width, height } = await compose([], { decode: { orient: true } }).pixels(turned);
    expect([width, height]).toEqual([20, 30]);
  });
});
