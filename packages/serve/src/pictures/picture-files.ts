import { type FileHandle, open, realpath } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { type ImageFormat, sniff } from '@diptych/preprocess/image';
import type { VectorStore } from '@diptych/search';
import { HttpError } from '../api/problem.js';

/** A picture's file, open. Whoever has it closes it. */
export interface OpenPicture {
  readonly path: string;
  readonly type: string;
  readonly size: number;
  /** Changes when the file does. */
  readonly tag: string;
  readonly file: FileHandle;
}

const TYPES: Readonly<Record<ImageFormat, string>> = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  gif: 'image/gif',
  tiff: 'image/tiff',
  avif: 'image/avif',
};

/** Bytes that tell a format. */
const HEAD = 4096;

/**
 * The files of an index's pictures. A caller names a row of the index, never a path; what the row says is followed only below one folder,
 * links included, and only to what is a bitmap by its first bytes.
 */
export class PictureFiles {
  readonly #root: string;
  readonly #index: VectorStore;

  /** @param root the folder that the rows' `path` counts from */
  constructor(root: string, index: VectorStore) {
    this.#root = root;
    this.#index = index;
  }

  /** @throws HttpError 404 if there is no such row or file, 415 if it is no picture */
  async open(id: string): Promise<OpenPicture> {
    const [row] = await this.#index.get([id]);
    const named = row?.metadata.path;
    if (typeof named !== 'string') throw missing(id);
    const root = await realpath(this.#root).catch(() => this.#root);
    const path = await realpath(resolve(root, named)).catch(() => undefined);
    if (path === undefined || !path.startsWith(root.endsWith(sep) ? root : root + sep)) throw missing(id);
    const file = await open(path, 'r').catch(() => undefined);
    if (!file) throw missing(id);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw missing(id);
      const head = new Uint8Array(HEAD);
      const { bytesRead } = await file.read(head, 0, HEAD, 0);
      const found = sniff(head.subarray(0, bytesRead));
      if (!('format' in found)) {
        throw new HttpError(415, { where: id, expected: 'a picture', got: found.instead });
      }
      const tag = `"${stats.size.toString(36)}-${Math.round(stats.mtimeMs).toString(36)}"`;
      return { path, type: TYPES[found.format], size: stats.size, tag, file };
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

function missing(id: string): HttpError {
  return new HttpError(404, {
    where: id.slice(0, 200),
    expected: 'a picture of the index',
    got: 'none that is there',
    remedy: 'index the folder again, if the file was moved',
  });
}
