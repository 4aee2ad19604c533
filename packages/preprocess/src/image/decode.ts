import { ConfigError, checkOptions, InputError, type OptionNames, type RgbImage } from '@diptych/core';
import { MAX_ENCODED_BYTES } from '@diptych/core/node';
import sharp from 'sharp';
import { type Color, rgbOf } from './color.js';
import { cmykToRgb, compositeOnto } from './pixel-formats.js';
import { type DecodeSource, type NamedBytes, readSource } from './read-source.js';
import { type ImageFormat, sniff } from './sniff.js';

/** How encoded images are read. JSON, so that a transform's description can hold it. */
export interface DecodeOptions {
  /** Apply the EXIF orientation. Off by default, as in PIL and torchvision. */
  readonly orient?: boolean;
  /** Composite transparent pictures onto this colour. By default alpha is dropped and hidden colours stay, as in PIL's `convert('RGB')`. */
  readonly onto?: Color;
  /** Most pixels (width x height) that are decoded. Default 89,478,485, where PIL begins to warn of bombs. */
  readonly maxPixels?: number;
  /** Most encoded bytes that are read. Default 256 MiB. */
  readonly maxBytes?: number;
}

const OPTIONS: OptionNames<DecodeOptions> = {
  orient: 'optional',
  onto: 'optional',
  maxPixels: 'optional',
  maxBytes: 'optional',
};

const MAX_PIXELS = 89_478_485;

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

/** Encoded bytes of a known format. */
export interface EncodedImage extends NamedBytes {
  readonly format: ImageFormat;
}

/**
 * Reads a source to its end and recognises its format.
 *
 * @throws InputError if it cannot be read, is larger than `maxBytes`, or is no image
 */
export async function readImage(source: DecodeSource, maxBytes: number): Promise<EncodedImage> {
  const { bytes, name } = await readSource(source, maxBytes);
  const found = sniff(bytes);
  if ('format' in found) return { bytes, name, format: found.format };
  throw new InputError({
    where: name,
    expected: 'a JPEG, PNG, WebP, GIF, TIFF or AVIF image',
    got: found.instead,
    remedy: 'check where the file came from, or convert it',
  });
}

/**
 * Decodes with sharp.
 *
 * @throws InputError if the image is damaged, cut short, of an unsupported kind or beyond `maxPixels`
 */
export async function decodeBytes(
  { bytes, name, format }: EncodedImage,
  { orient, onto, maxPixels }: ReturnType<typeof checkDecodeOptions>,
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
 * Fills in the defaults.
 *
 * @throws ConfigError for options out of range or unknown
 */
export function checkDecodeOptions(options: DecodeOptions) {
  const where = 'preprocess.decodeImage';
  checkOptions(where, options, OPTIONS);
  const { orient = false, onto, maxPixels = MAX_PIXELS, maxBytes = MAX_ENCODED_BYTES } = options;
  for (const [key, value] of Object.entries({ maxPixels, maxBytes })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new ConfigError({ where, expected: `${key} to be a positive integer`, got: String(value) });
    }
  }
  return { orient, onto: onto === undefined ? undefined : rgbOf(onto, where), maxPixels, maxBytes };
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

function decodeError(error: unknown, where: string, format: string, maxPixels: number): InputError {
  const message = error instanceof Error ? error.message : String(error);
  const reason = message.split('\n')[0]!.trim();
  if (/pixel limit/i.test(reason)) {
    return new InputError(
      {
        where,
        expected: `a picture of at most ${maxPixels} pixels`,
        got: `a larger ${format.toUpperCase()}`,
        remedy: 'raise maxPixels if the file is trusted',
      },
      { cause: error },
    );
  }
  return new InputError(
    {
      where,
      problem: `the ${format.toUpperCase()} data is damaged, cut short or of an unsupported kind (${reason})`,
      remedy: 'replace the file or leave it out',
    },
    { cause: error },
  );
}
