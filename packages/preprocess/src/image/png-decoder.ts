import { crc32, inflateSync } from 'node:zlib';
import type { RgbImage } from '@diptych/core';
import { type Rgb, readPlainPng } from './plain-png.js';

/** The least `chunkSize` that Node's zlib takes. */
const MIN_CHUNK_BYTES = 64;
/** Most pixels that are decoded here: large pictures are better off in sharp's threads. */
const MAX_PIXELS = 2 ** 22;

/**
 * Decodes a PNG that leaves no doubt (W3C PNG specification, third edition): 8 bits a channel or a palette, not
 * interlaced, every checksum right.
 *
 * Why not sharp alone: 64 x 64 pixels take 0.08 ms here and 0.5 ms there, most of it the hand-over to a thread (docs/preprocess.md;
 * `bench/data.bench.mjs` reads small ones). Inflating is Node's zlib, which is updated with Node; the rest is
 * written from the specification, so that there are no sources to follow.
 *
 * @param onto what transparent pixels are composited on; without it, alpha is dropped
 * @returns undefined if another decoder has to judge the file
 */
export function decodePlainPng(bytes: Uint8Array, maxPixels: number, onto?: Rgb): RgbImage | undefined {
  const png = readPlainPng(bytes, Math.min(maxPixels, MAX_PIXELS), crc32);
  const filtered = png && inflate(png.compressed, png.size);
  return filtered && png.finish(filtered, onto);
}

/** Exactly `size` bytes from a stream without anything behind it. */
function inflate(compressed: Uint8Array, size: number): Uint8Array | undefined {
  try {
    // One piece, with a byte over, in which the end shows: zlib would give pieces of 16 KiB to be joined.
    const options = { maxOutputLength: size, chunkSize: Math.max(MIN_CHUNK_BYTES, size + 1), info: true };
    // With `info`, the types of Node do not know the result.
    const { buffer, engine } = inflateSync(compressed, options) as unknown as {
      buffer: Uint8Array;
      engine: { bytesWritten: number };
    };
    return buffer.length === size && engine.bytesWritten === compressed.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}
