import { fileURLToPath } from 'node:url';
import { ConfigError, type ImageSource, type RgbImage } from '@diptych/core';
import type { LabelValues } from './labels.js';
import type { Origin } from './origin.js';

/**
 * An image of a record. Files and slices are read where the image is decoded, so that a record on its way through a
 * shuffle buffer costs a few hundred bytes whatever the size of its picture.
 */
export type ImageRef =
  /** A file. With `root`, the file's real path (links followed) has to lie inside. */
  | { readonly kind: 'file'; readonly path: string; readonly root?: string }
  /** A byte range of a file: a member of an uncompressed tar. */
  | { readonly kind: 'slice'; readonly path: string; readonly offset: number; readonly length: number }
  /** An encoded image in memory. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** A decoded image in memory. */
  | { readonly kind: 'pixels'; readonly image: RgbImage };

/** One picture with its captions, as every source gives it. */
export interface PairRecord {
  /**
   * Identity of the pair's positives: records with equal ids match each other. The row's own id where it has one, else the
   * path of its picture, else its place.
   */
  readonly id: string;
  /** Position in the source, stable over epochs and runs: what random transforms draw by. A safe integer. */
  readonly item: number;
  readonly image: ImageRef;
  /** One caption or more; never empty. */
  readonly text: string | readonly string[];
  readonly origin: Origin;
  /** What the source's `labels` found; see there. */
  readonly labels?: LabelValues;
  /** How often the source had been used up before in this epoch (a mix repeats short sources); 0 where absent. */
  readonly pass?: number;
}

/** Bytes that a record holds in memory beside its own few hundred. */
export function heldBytes({ image, text }: PairRecord): number {
  const characters = typeof text === 'string' ? text.length : text.reduce((sum, { length }) => sum + length, 0);
  if (image.kind === 'bytes') return image.bytes.byteLength + characters * 2;
  if (image.kind === 'pixels') return image.image.data.byteLength + characters * 2;
  return characters * 2;
}

/**
 * An image as code hands it over (path, file URL, encoded bytes, decoded pixels) as a reference that any thread can read.
 *
 * @throws ConfigError for a URL that is not a file's
 */
export function toImageRef(image: ImageSource | RgbImage): ImageRef {
  if (typeof image === 'string') {
    return { kind: 'file', path: image.startsWith('file:') ? fileURLToPath(image) : image };
  }
  if (image instanceof URL) {
    if (image.protocol !== 'file:') {
      throw new ConfigError({
        where: 'data.toImageRef',
        expected: 'a path, a file URL, encoded bytes or decoded pixels',
        got: String(image),
        remedy: 'download remote images first',
      });
    }
    return { kind: 'file', path: fileURLToPath(image) };
  }
  if (image instanceof Uint8Array) return { kind: 'bytes', bytes: image };
  if (image instanceof ArrayBuffer) return { kind: 'bytes', bytes: new Uint8Array(image) };
  if (isRgbImage(image)) return { kind: 'pixels', image };
  throw new ConfigError({
    where: 'data.toImageRef',
    expected: 'a path, a file URL, encoded bytes or decoded pixels { data, width, height }',
    got: image === null ? 'null' : typeof image,
  });
}

/** True for decoded pixels whose data fits their size. */
export function isRgbImage(value: unknown): value is RgbImage {
  if (typeof value !== 'object' || value === null) return false;
  const { data, width, height } = value as Partial<RgbImage>;
  return (
    data instanceof Uint8Array &&
    Number.isSafeInteger(width) &&
    Number.isSafeInteger(height) &&
    data.length === width! * height! * 3
  );
}
