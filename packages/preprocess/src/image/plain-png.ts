import type { RgbImage } from '@diptych/core';
import { joinBytes } from '../bytes.js';
import { compositeOnto } from './pixel-formats.js';

/** A colour. */
export type Rgb = readonly [number, number, number];

/** What the header says, for the kinds that are decoded here. */
interface Header {
  readonly width: number;
  readonly height: number;
  /** Bits of a palette index, else 8. */
  readonly depth: number;
  readonly color: ColorType;
}

/** A file whose chunks leave no doubt. */
interface Parts {
  readonly header: Header;
  /** Colours of a palette, three bytes each. */
  readonly palette: Uint8Array | undefined;
  /** Alpha of the first colours of the palette; the others are opaque. */
  readonly alpha: Uint8Array | undefined;
  /** The zlib stream. */
  readonly compressed: Uint8Array;
}

enum ColorType {
  Grey = 0,
  Rgb = 2,
  Palette = 3,
  GreyAlpha = 4,
  Rgba = 6,
}

/** Bytes of a pixel; of a palette's index, one at most. */
const CHANNELS: Readonly<Record<ColorType, number>> = {
  [ColorType.Grey]: 1,
  [ColorType.Rgb]: 3,
  [ColorType.Palette]: 1,
  [ColorType.GreyAlpha]: 2,
  [ColorType.Rgba]: 4,
};

/** Chunks that change no pixel, and in which nothing can be wrong that another decoder would complain about. */
const WITHOUT_EFFECT = new Set(['gAMA', 'cHRM', 'sRGB', 'pHYs', 'tIME', 'tEXt', 'bKGD', 'sBIT']);
const SIGNATURE_BYTES = 8;
const HEADER_BYTES = 13;
/** The farthest that deflate refers back. */
const MAX_WINDOW = 2 ** 15;

/** A PNG that leaves no doubt, but for what it compresses. */
export interface PlainPng {
  /** The zlib stream. */
  readonly compressed: Uint8Array;
  /** Bytes that it has to give, exactly. */
  readonly size: number;
  /**
   * The picture of those bytes.
   *
   * @param onto what transparent pixels are composited on; without it, alpha is dropped
   * @returns undefined if another decoder has to judge the file
   */
  finish(filtered: Uint8Array, onto?: Rgb): RgbImage | undefined;
}

/**
 * Reads a PNG as far as its compressed pixels, if it leaves no doubt (W3C PNG specification, third edition): 8 bits a channel
 * or a palette, not interlaced, every checksum right. It inflates nothing itself: Node does so at once, browsers as a stream.
 *
 * @param crc32 of a stretch of the file, as zlib's
 * @returns undefined if another decoder has to judge the file
 */
export function readPlainPng(
  bytes: Uint8Array,
  maxPixels: number,
  crc32: (bytes: Uint8Array) => number,
): PlainPng | undefined {
  const parts = readParts(bytes, maxPixels, crc32);
  if (!parts) return undefined;
  const { compressed, header } = parts;
  const { width, height, depth, color } = header;
  const channels = CHANNELS[color];
  const rowBytes = Math.ceil((width * channels * depth) / 8);
  const size = height * (rowBytes + 1);
  // References beyond the window that the stream declares are damage to sharp, but not to zlib.
  const window = 2 ** (8 + (compressed[0]! >> 4));
  if (window < Math.min(size, MAX_WINDOW)) return undefined;
  return {
    compressed,
    size,
    finish(filtered, onto) {
      const samples = unfilter(filtered, height, rowBytes, channels);
      if (!samples) return undefined;
      const data = color === ColorType.Palette ? lookUp(samples, parts, onto) : toRgb(samples, color, onto);
      return data && { data, width, height };
    },
  };
}

/** Walks the chunks; undefined unless each is known, whole, and where it belongs. */
function readParts(bytes: Uint8Array, maxPixels: number, crc32: (bytes: Uint8Array) => number): Parts | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  let alpha: Uint8Array | undefined;
  const pieces: Uint8Array[] = [];
  let before = '';
  for (let at = SIGNATURE_BYTES; at + 12 <= bytes.length; ) {
    const size = view.getUint32(at);
    const end = at + 8 + size;
    if (end + 4 > bytes.length) return undefined;
    if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end)) return undefined;
    const type = String.fromCharCode(bytes[at + 4]!, bytes[at + 5]!, bytes[at + 6]!, bytes[at + 7]!);
    const content = bytes.subarray(at + 8, end);
    if ((type === 'IHDR') !== (before === '')) return undefined;
    if (type === 'IHDR') {
      header = readHeader(content, maxPixels);
      if (!header) return undefined;
    } else if (type === 'PLTE') {
      if (palette || pieces.length > 0 || header!.color !== ColorType.Palette) return undefined;
      if (size === 0 || size % 3 !== 0 || size / 3 > 2 ** header!.depth) return undefined;
      palette = content;
    } else if (type === 'tRNS') {
      if (!palette || alpha || pieces.length > 0 || size === 0 || size > palette.length / 3) return undefined;
      alpha = content;
    } else if (type === 'IDAT') {
      if (pieces.length > 0 && before !== 'IDAT') return undefined;
      pieces.push(content);
    } else if (type === 'IEND') {
      if (size !== 0 || end + 4 !== bytes.length || pieces.length === 0) return undefined;
      if (header!.color === ColorType.Palette && !palette) return undefined;
      return { header: header!, palette, alpha, compressed: joinBytes(pieces) };
    } else if (!WITHOUT_EFFECT.has(type)) return undefined;
    before = type;
    at = end + 4;
  }
  return undefined;
}

function readHeader(content: Uint8Array, maxPixels: number): Header | undefined {
  if (content.length !== HEADER_BYTES) return undefined;
  const view = new DataView(content.buffer, content.byteOffset, HEADER_BYTES);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, color, compression, filter, interlace] = content.subarray(8);
  const depths = color === ColorType.Palette ? [1, 2, 4, 8] : [8];
  if (!(color! in CHANNELS) || !depths.includes(depth!)) return undefined;
  if (compression !== 0 || filter !== 0 || interlace !== 0) return undefined;
  if (width === 0 || height === 0 || width * height > maxPixels) return undefined;
  return { width, height, depth: depth!, color: color! };
}

/** Each row is what its filter byte says of the bytes to the left (one pixel away), above, and above to the left. */
function unfilter(filtered: Uint8Array, height: number, rowBytes: number, pixelBytes: number): Uint8Array | undefined {
  const out = new Uint8Array(height * rowBytes);
  for (let row = 0; row < height; row++) {
    const from = row * (rowBytes + 1);
    const to = row * rowBytes;
    const line = filtered.subarray(from + 1, from + 1 + rowBytes);
    const filter = FILTERS[filtered[from]!];
    if (!filter) return undefined;
    filter(out, line, to, row === 0 ? -1 : to - rowBytes, pixelBytes);
  }
  return out;
}

/** Writes a row at `to`; `up` is where the row above begins, -1 in the first row, which has zeros above. */
type Filter = (out: Uint8Array, line: Uint8Array, to: number, up: number, pixelBytes: number) => void;

const none: Filter = (out, line, to) => out.set(line, to);

const sub: Filter = (out, line, to, _up, pixelBytes) => {
  for (let i = 0; i < line.length; i++) out[to + i] = line[i]! + (i < pixelBytes ? 0 : out[to + i - pixelBytes]!);
};

const above: Filter = (out, line, to, up) => {
  for (let i = 0; i < line.length; i++) out[to + i] = line[i]! + (up < 0 ? 0 : out[up + i]!);
};

const average: Filter = (out, line, to, up, pixelBytes) => {
  for (let i = 0; i < line.length; i++) {
    const left = i < pixelBytes ? 0 : out[to + i - pixelBytes]!;
    out[to + i] = line[i]! + ((left + (up < 0 ? 0 : out[up + i]!)) >> 1);
  }
};

const paeth: Filter = (out, line, to, up, pixelBytes) => {
  // Zeros above leave nothing but the left.
  if (up < 0) return sub(out, line, to, up, pixelBytes);
  for (let i = 0; i < line.length; i++) {
    const over = out[up + i]!;
    const left = i < pixelBytes ? 0 : out[to + i - pixelBytes]!;
    const corner = i < pixelBytes ? 0 : out[up + i - pixelBytes]!;
    // How far left + over - corner is from each of the three.
    const toLeft = Math.abs(over - corner);
    const toOver = Math.abs(left - corner);
    const toCorner = Math.abs(left + over - 2 * corner);
    out[to + i] = line[i]! + (toLeft <= toOver && toLeft <= toCorner ? left : toOver <= toCorner ? over : corner);
  }
};

const FILTERS: readonly Filter[] = [none, sub, above, average, paeth];

/** Palette indices as colours; undefined if one is beyond the palette. */
function lookUp(samples: Uint8Array, { header, palette, alpha }: Parts, onto?: Rgb): Uint8Array | undefined {
  const { width, height, depth } = header;
  const colors = onto && alpha ? compositeOnto(withAlpha(palette!, alpha), onto) : palette!;
  const out = new Uint8Array(width * height * 3);
  const rowBytes = samples.length / height;
  const perByte = 8 / depth;
  const mask = 2 ** depth - 1;
  for (let row = 0, to = 0; row < height; row++) {
    for (let column = 0; column < width; column++, to += 3) {
      const byte = samples[row * rowBytes + Math.floor(column / perByte)]!;
      // The leftmost pixel is in the highest bits.
      const index = ((byte >> (8 - depth - (column % perByte) * depth)) & mask) * 3;
      if (index >= colors.length) return undefined;
      out[to] = colors[index]!;
      out[to + 1] = colors[index + 1]!;
      out[to + 2] = colors[index + 2]!;
    }
  }
  return out;
}

function withAlpha(palette: Uint8Array, alpha: Uint8Array): Uint8Array {
  const colors = palette.length / 3;
  const rgba = new Uint8Array(colors * 4).fill(255);
  for (let i = 0; i < colors; i++) {
    rgba.set(palette.subarray(i * 3, i * 3 + 3), i * 4);
    rgba[i * 4 + 3] = alpha[i] ?? 255;
  }
  return rgba;
}

function toRgb(samples: Uint8Array, color: ColorType, onto?: Rgb): Uint8Array {
  if (color === ColorType.Rgb) return samples;
  if (color === ColorType.Rgba && onto) return compositeOnto(samples, onto);
  const channels = CHANNELS[color];
  const pixels = samples.length / channels;
  // Where in a pixel red, green, blue and alpha lie.
  const [green, blue] = color === ColorType.Rgba ? [1, 2] : [0, 0];
  const rgba = color === ColorType.GreyAlpha && onto !== undefined;
  const out = new Uint8Array(pixels * (rgba ? 4 : 3));
  for (let i = 0, from = 0, to = 0; i < pixels; i++, from += channels) {
    out[to++] = samples[from]!;
    out[to++] = samples[from + green!]!;
    out[to++] = samples[from + blue!]!;
    if (rgba) out[to++] = samples[from + 1]!;
  }
  return rgba ? compositeOnto(out, onto) : out;
}
