import type { RgbImage } from '@diptych/core';
import sharp from 'sharp';
import type { DecodeSource } from './bytes-of-source.js';
import { decodeError } from './decode-error.js';
import { type CheckedDecodeOptions, checkDecodeOptions, type DecodeOptions } from './decode-options.js';
import { type EncodedImage, readImage } from './encoded-image.js';
import { cmykToRgb, compositeOnto } from './pixel-formats.js';

/**
 * Decodes JPEG, PNG, WebP, GIF (first frame), TIFF (first page) or AVIF to 8-bit RGB, with the values of PIL's
 * `Image.open(source).convert('RGB')`: palette and grey expanded, alpha dropped, CMYK without colour management, ICC
 * profiles and EXIF orientation ignored. Where it differs from PIL: docs/preprocess.md.
 *
 * @throws InputError if the source cannot be read, is no image, is damaged or cut short, or is beyond the limits
 * @throws ConfigError for options out of range
 */
export async function decodeImage(source: DecodeSource, options: DecodeOptions = {}): Promise<RgbImage> {
  const checked = checkDecodeOptions(options);
  return decodeBytes(await readImage(source, checked.maxBytes), checked);
}

/**
 * Decodes with sharp.
 *
 * @throws InputError if the image is damaged, cut short, of an unsupported kind or beyond `maxPixels`
 */
export async function decodeBytes(
  { bytes, name, format }: EncodedImage,
  { orient, onto, maxPixels }: CheckedDecodeOptions,
): Promise<RgbImage> {
  try {
    const readable = format === 'tiff' ? withKnownOrientation(bytes) : bytes;
    let picture = sharp(readable, { failOn: 'error', limitInputPixels: maxPixels, ignoreIcc: true });
    if (orient) picture = picture.autoOrient();
    if (format === 'jpeg' || format === 'tiff') {
      const isCmyk = format === 'jpeg' ? jpegComponents(bytes) === 4 : (await picture.metadata()).space === 'cmyk';
      if (isCmyk) {
        const { data, info } = await picture
          .pipelineColourspace('cmyk')
          .toColourspace('cmyk')
          .raw()
          .toBuffer({ resolveWithObject: true });
        return { data: cmykToRgb(data, info.channels), width: info.width, height: info.height };
      }
    }
    picture = onto === undefined ? picture.removeAlpha() : picture.ensureAlpha();
    const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
    const rgb = onto === undefined ? data : compositeOnto(data, onto);
    return { data: rgb, width: info.width, height: info.height };
  } catch (error) {
    throw decodeError(error, name, format, maxPixels);
  }
}

/**
 * A TIFF whose orientation is one of the eight that there are. Others mean nothing (Pillow passes them over), but libtiff
 * calls them an error, as it calls damaged pixels one.
 */
function withKnownOrientation(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  if (bytes.length < 8 || view.getUint16(2, little) !== 42) return bytes;
  const directory = view.getUint32(4, little);
  if (directory + 2 > bytes.length) return bytes;
  const count = view.getUint16(directory, little);
  for (let entry = directory + 2; entry < directory + 2 + 12 * count && entry + 12 <= bytes.length; entry += 12) {
    if (view.getUint16(entry, little) !== ORIENTATION_TAG) continue;
    const orientation = view.getUint16(entry + 8, little);
    if (orientation >= 1 && orientation <= 8) return bytes;
    const copy = new Uint8Array(bytes);
    new DataView(copy.buffer).setUint16(entry + 8, 1, little);
    return copy;
  }
  return bytes;
}

/** TIFF 6.0, section 8. */
const ORIENTATION_TAG = 0x0112;

/** Number of colour components in a JPEG's frame header; 0 where there is none. */
function jpegComponents(bytes: Uint8Array): number {
  let at = 2;
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) return 0;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return bytes[at + 9]!;
    const hasNoLength = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
    at += hasNoLength ? 2 : 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  }
  return 0;
}
