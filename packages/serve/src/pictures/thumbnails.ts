import sharp from 'sharp';
import { HttpError } from '../api/problem.js';
import type { OpenPicture } from './picture-files.js';

/** Thumbnails that are made at once. */
const AT_ONCE = 2;

/** Pictures made small when they are asked for, the last used ones kept in memory. */
export class Thumbnails {
  readonly #maxBytes: number;
  readonly #maxPixels: number;
  // in order of use: the first was not used for longest
  readonly #kept = new Map<string, Buffer>();
  readonly #under = new Map<string, Promise<Buffer>>();
  readonly #queue: (() => void)[] = [];
  #bytes = 0;
  #running = 0;

  constructor(maxBytes: number, maxPixels: number) {
    this.#maxBytes = maxBytes;
    this.#maxPixels = maxPixels;
  }

  /** Of what is kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @param size the longest side in pixels
   * @returns WebP
   * @throws HttpError 415 for a picture that cannot be read
   */
  async get({ path, tag }: Pick<OpenPicture, 'path' | 'tag'>, size: number, signal: AbortSignal): Promise<Buffer> {
    const key = `${size} ${tag} ${path}`;
    const known = this.#kept.get(key);
    if (known) {
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known;
    }
    const under = this.#under.get(key) ?? this.#make(key, path, size, signal);
    return under;
  }

  async #make(key: string, path: string, size: number, signal: AbortSignal): Promise<Buffer> {
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#running++;
    try {
      signal.throwIfAborted(); // scrolled by meanwhile
      const making = this.#under.get(key) ?? shrink(path, size, this.#maxPixels);
      this.#under.set(key, making);
      const bytes = await making;
      this.#keep(key, bytes);
      return bytes;
    } finally {
      this.#under.delete(key);
      const next = this.#queue.shift();
      if (next) next();
      else this.#running--;
    }
  }

  #keep(key: string, bytes: Buffer): void {
    this.#bytes += bytes.length - (this.#kept.get(key)?.length ?? 0);
    this.#kept.set(key, bytes);
    for (const [oldest, old] of this.#kept) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#kept.delete(oldest);
      this.#bytes -= old.length;
    }
  }
}

/**
 * A picture with its longest side at most so long, turned as its EXIF says, and without that.
 *
 * @returns WebP
 * @throws HttpError 415 for a picture that cannot be read
 */
export async function shrink(path: string, size: number, limitInputPixels: number): Promise<Buffer> {
  try {
    return await sharp(path, { limitInputPixels, failOn: 'none' })
      .autoOrient()
      .resize({ width: size, height: size, fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 78 })
      .toBuffer();
  } catch (cause) {
    throw new HttpError(415, { where: 'thumbnail', expected: 'a picture that can be read', got: 'another' }, { cause });
  }
}
