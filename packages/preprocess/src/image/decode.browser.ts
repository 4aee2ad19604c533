import { ConfigError, InputError, type RgbImage } from '@diptych/core';
import type { DecodeSource } from './bytes-of-source.js';
import { crc32 } from './crc32.js';
import { decodeError } from './decode-error.js';
import { type CheckedDecodeOptions, checkDecodeOptions, type DecodeOptions } from './decode-options.js';
import { type EncodedImage, readImage } from './encoded-image.js';
import { JpegDecoder } from './jpeg-decoder.js';
import { compositeOnto } from './pixel-formats.js';
import { type Rgb, readPlainPng } from './plain-png.js';

/**
 * Decodes in a browser. JPEG (8 bits, grey or three components) and plain PNG go through the decoders that Node uses, to the same
 * bytes; what these do not take (other JPEG and PNG, WebP, GIF, AVIF) is the browser's to decode, without colour management, and
 * turned as its EXIF says, which browsers always do.
 *
 * @throws InputError if the source cannot be read, is no image, is damaged, of a kind that the browser does not know, or beyond the limits
 * @throws ConfigError for options out of range
 */
export async function decodeImage(source: DecodeSource, options: DecodeOptions = {}): Promise<RgbImage> {
  const checked = checkDecodeOptions(options);
  return decodeBytes(await readImage(source, checked.maxBytes), checked);
}

/** The memory of a decoder never shrinks: the one for pictures of usual sizes stays, others go after each picture. */
const usual = new JpegDecoder();

/** @throws InputError as {@link decodeImage} */
export async function decodeBytes(image: EncodedImage, options: CheckedDecodeOptions): Promise<RgbImage> {
  const { bytes, format } = image;
  const { maxPixels, onto, orient } = options;
  if (!orient && format === 'jpeg') {
    const borrowed = usual.decode(bytes, maxPixels);
    if (borrowed) return { ...borrowed, data: borrowed.data.slice() };
    const large = new JpegDecoder(maxPixels).decode(bytes, maxPixels);
    if (large) return large;
  }
  return (!orient && format === 'png' && (await decodePng(bytes, maxPixels, onto))) || decodeByBrowser(image, options);
}

async function decodePng(bytes: Uint8Array, maxPixels: number, onto: Rgb | undefined): Promise<RgbImage | undefined> {
  const png = readPlainPng(bytes, maxPixels, crc32);
  const filtered = png && (await inflate(png.compressed, png.size));
  return filtered && png.finish(filtered, onto);
}

/** Exactly `size` bytes from a zlib stream without anything behind it. */
async function inflate(compressed: Uint8Array, size: number): Promise<Uint8Array | undefined> {
  const out = new Uint8Array(size);
  let at = 0;
  const reader = new Blob([new Uint8Array(compressed)])
    .stream()
    .pipeThrough(new DecompressionStream('deflate'))
    .getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      if (at + piece.value.length > size) return undefined;
      out.set(piece.value, at);
      at += piece.value.length;
    }
    return at === size ? out : undefined;
  } catch {
    return undefined;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function decodeByBrowser(image: EncodedImage, { maxPixels, onto }: CheckedDecodeOptions): Promise<RgbImage> {
  const { bytes, name, format } = image;
  if (typeof createImageBitmap !== 'function' || typeof OffscreenCanvas !== 'function') {
    throw new ConfigError({
      where: name,
      expected: 'a JPEG or a plain PNG: nothing here decodes other pictures',
      got: format.toUpperCase(),
      remedy: 'convert it, or pass { data, width, height }',
    });
  }
  let bitmap: ImageBitmap;
  try {
    const blob = new Blob([new Uint8Array(bytes)], { type: `image/${format}` });
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch (cause) {
    throw decodeError(cause, name, format, maxPixels);
  }
  try {
    const { width, height } = bitmap;
    if (width * height > maxPixels) {
      throw new InputError({
        where: name,
        expected: `a picture of at most ${maxPixels} pixels`,
        got: `${width} x ${height}`,
        remedy: 'raise maxPixels if the file is trusted',
      });
    }
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
    context.drawImage(bitmap, 0, 0);
    const rgba = new Uint8Array(context.getImageData(0, 0, width, height).data.buffer);
    return { data: onto ? compositeOnto(rgba, onto) : withoutAlpha(rgba), width, height };
  } finally {
    bitmap.close();
  }
}

function withoutAlpha(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from]!;
    rgb[to++] = rgba[from + 1]!;
    rgb[to++] = rgba[from + 2]!;
  }
  return rgb;
}
