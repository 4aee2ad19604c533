import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeImage } from './decode.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-decode-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pixels = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 40, 50, 60, 70, 80, 90];
const rgb = () => sharp(Uint8Array.from(pixels), { raw: { width: 3, height: 2, channels: 3 } });

describe('sources', async () => {
  const png = await rgb().png().toBuffer();
  const path = join(folder, 'a b#.png');
  writeFileSync(path, png);
  const cases: [string, () => Parameters<typeof decodeImage>[0]][] = [
    ['a path', () => path],
    ['a file URL', () => pathToFileURL(path)],
    ['a file URL as text', () => pathToFileURL(path).href],
    ['a Buffer', () => png],
    ['a Uint8Array', () => Uint8Array.from(png)],
    [
      'a view into a larger buffer',
      () => Buffer.concat([Buffer.alloc(5), png, Buffer.alloc(5)]).subarray(5, 5 + png.length),
    ],
    ['an ArrayBuffer', () => Uint8Array.from(png).buffer],
    ['a stream of Node', () => createReadStream(path, { highWaterMark: 7 })],
    ['a web stream', () => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>],
  ];
  it.each(cases)('%s', async (_, source) => {
    const image = await decodeImage(source());
    expect([image.width, image.height, Array.from(image.data)]).toEqual([3, 2, pixels]);
  });
});

it('a file too large to be read at once', async () => {
  const noise = Uint8Array.from({ length: 200 * 200 * 3 }, (_, i) => (i * i * 7919) >> 5);
  const png = await sharp(noise, { raw: { width: 200, height: 200, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer();
  const path = join(folder, 'large.png');
  writeFileSync(path, png);
  expect(png.length).toBeGreaterThan(2 ** 16);
  expect(Buffer.compare((await decodeImage(path)).data, noise)).toBe(0);
});

describe('kinds of pictures become RGB', () => {
  it('grey, and 16 bits', async () => {
    const grey = await sharp(Uint8Array.from([7, 200]), { raw: { width: 2, height: 1, channels: 1 } })
      .png()
      .toBuffer();
    expect(Array.from((await decodeImage(grey)).data)).toEqual([7, 7, 7, 200, 200, 200]);
    const deep = await rgb().toColourspace('rgb16').png().toBuffer();
    expect(Array.from((await decodeImage(deep)).data)).toEqual(pixels);
  });

  it('palette', async () => {
    const palette = await rgb().png({ palette: true }).toBuffer();
    expect(Array.from((await decodeImage(palette)).data)).toEqual(pixels);
  });

  it('alpha is dropped and hidden colours stay, or composited where asked', async () => {
    const rgba = Uint8Array.from([200, 100, 0, 0, 200, 100, 0, 255, 200, 100, 0, 128]);
    const png = await sharp(rgba, { raw: { width: 3, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    expect(Array.from((await decodeImage(png)).data)).toEqual([200, 100, 0, 200, 100, 0, 200, 100, 0]);
    const white = await decodeImage(png, { onto: 'white' });
    expect(Array.from(white.data)).toEqual([255, 255, 255, 200, 100, 0, 227, 177, 127]);
    const color = await decodeImage(png, { onto: [1, 2, 3] });
    expect(Array.from(color.data.subarray(0, 3))).toEqual([1, 2, 3]);
    const opaque = await decodeImage(await rgb().png().toBuffer(), { onto: 'white' });
    expect(Array.from(opaque.data)).toEqual(pixels);
  });

  it('the first frame of an animation', async () => {
    const frames = Uint8Array.from({ length: 2 * 2 * 2 * 3 }, (_, i) => (i < 12 ? 255 : 0));
    const gif = await sharp(frames, { raw: { width: 2, height: 4, channels: 3, pageHeight: 2 } })
      .gif()
      .toBuffer();
    const image = await decodeImage(gif);
    expect([image.width, image.height, image.data[0]]).toEqual([2, 2, 255]);
  });

  it('CMYK without colour management, as PIL', async () => {
    const flat = sharp({ create: { width: 8, height: 8, channels: 3, background: { r: 250, g: 128, b: 3 } } });
    const tiff = await flat.toColourspace('cmyk').tiff({ compression: 'none' }).toBuffer();
    const { data } = await sharp(tiff, { ignoreIcc: true })
      .pipelineColourspace('cmyk')
      .toColourspace('cmyk')
      .raw()
      .toBuffer({ resolveWithObject: true });
    const white = 255 - data[3]!;
    const expected = [0, 1, 2].map((channel) => white - Math.round((data[channel]! * white) / 255));
    expect(Array.from((await decodeImage(tiff)).data.subarray(0, 3))).toEqual(expected);
    const jpeg = await flat.toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    const decoded = Array.from((await decodeImage(jpeg)).data.subarray(0, 3));
    expect(decoded.every((value, i) => Math.abs(value - expected[i]!) <= 3)).toBe(true);
  });

  it('ICC profiles are ignored', async () => {
    const plain = await rgb().png().toBuffer();
    const profiled = await rgb().png().withIccProfile('p3', { attach: true }).toBuffer();
    const attached = await sharp(plain).keepIccProfile().png().toBuffer();
    expect((await decodeImage(attached)).data).toEqual((await decodeImage(plain)).data);
    expect((await decodeImage(profiled)).data.length).toBe(18);
  });

  it('an orientation that there is not means nothing', async () => {
    const tiff = await rgb().withMetadata({ orientation: 6 }).tiff({ compression: 'none' }).toBuffer();
    const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
    const directory = view.getUint32(4, true);
    const entries = Array.from({ length: view.getUint16(directory, true) }, (_, i) => directory + 2 + 12 * i);
    const orientation = entries.find((entry) => view.getUint16(entry, true) === 0x0112)! + 8;
    expect((await decodeImage(tiff, { orient: true })).width).toBe(2);
    for (const value of [0, 9]) {
      view.setUint16(orientation, value, true);
      const image = await decodeImage(tiff, { orient: true });
      expect([image.width, image.height, Array.from(image.data)]).toEqual([3, 2, pixels]);
    }
  });

  it('EXIF orientation is off unless asked for', async () => {
    const turned = await rgb().withMetadata({ orientation: 6 }).png().toBuffer();
    expect(await decodeImage(turned)).toMatchObject({ width: 3, height: 2 });
    const upright = await decodeImage(turned, { orient: true });
    expect([upright.width, upright.height]).toEqual([2, 3]);
    expect(Array.from(upright.data.subarray(0, 6))).toEqual([10, 20, 30, 255, 0, 0]);
  });
});

describe('limits', () => {
  it('maxPixels', async () => {
    const png = await rgb().png().toBuffer();
    await expect(decodeImage(png, { maxPixels: 5 })).rejects.toThrow(
      /at most 5 pixels, got a larger PNG; raise maxPixels/,
    );
    await expect(decodeImage(png, { maxPixels: 6 })).resolves.toBeDefined();
  });

  it.each([
    [{ maxPixels: 0 }, /maxPixels to be a positive integer/],
    [{ maxBytes: 1.5 }, /maxBytes to be a positive integer/],
    [{ onto: 'pink' }, /expected a colour/],
    [{ onto: [1, 2] }, /expected a colour/],
    [{ orientation: true }, /got orientation/],
  ])('%j is refused', async (options, message) => {
    await expect(decodeImage(new Uint8Array(3), options as object)).rejects.toThrow(message);
  });
});
