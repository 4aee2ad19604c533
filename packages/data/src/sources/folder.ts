import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { checkCaptions } from '../captions.js';
import { DataError } from '../data-error.js';
import { fileError } from '../io/open.js';
import { checkRealPath } from '../io/real-path.js';
import { decodeUtf8 } from '../io/utf8.js';
import type { Origin, PairRecord } from '../record.js';
import type { PairSource, ReadContext } from '../source.js';
import { defaultLimits, type RowLimits } from './row.js';

/** Options of {@link folder}. */
export interface FolderOptions extends Partial<RowLimits> {
  /** Looks into the folders below too; true by default. Links to folders are not followed. */
  readonly recursive?: boolean;
  /** Each line of a `.txt` is a caption (`lines`, by default), or the whole file is one. */
  readonly captions?: 'lines' | 'whole';
  /** Takes links to files outside the folder. */
  readonly allowOutsideRoot?: boolean;
}

/**
 * A folder of pictures with captions beside them: `cat.jpg` and `cat.txt`. In the order of the names.
 *
 * ```js
 * const source = folder('pictures');
 * ```
 */
export function folder(root: string, options: FolderOptions = {}): PairSource {
  const absolute = resolve(root);
  return {
    name: `folder(${absolute.split(sep).at(-1)})`,
    shufflesFully: false,
    async *read(context: ReadContext) {
      const { shard } = context;
      let item = 0;
      for await (const pair of walk(absolute, absolute, options, context)) {
        const position = item++;
        if (position % shard.count !== shard.index) continue;
        const record = await readPair(pair, position, absolute, options, context);
        if (record) yield record;
      }
    },
  };
}

interface FilePair {
  readonly image: string;
  readonly caption: string | undefined;
}

async function* walk(
  folderPath: string,
  root: string,
  options: FolderOptions,
  context: ReadContext,
): AsyncGenerator<FilePair> {
  const { recursive = true } = options;
  let entries: import('node:fs').Dirent[];
  try {
    entries = await readdir(folderPath, { withFileTypes: true });
  } catch (cause) {
    context.reject(fileError(folderPath, cause));
    return;
  }
  // By code unit: the order of a locale differs between machines.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = new Set(entries.map(({ name }) => name));
  const captioned = new Set(entries.filter(({ name }) => IMAGE_NAME.test(name)).map(({ name }) => captionNameOf(name)));
  for (const entry of entries) {
    const path = join(folderPath, entry.name);
    if (entry.isDirectory()) {
      if (recursive) yield* walk(path, root, options, context);
    } else if (IMAGE_NAME.test(entry.name)) {
      const caption = captionNameOf(entry.name);
      yield { image: path, caption: names.has(caption) ? join(folderPath, caption) : undefined };
    } else if (entry.name.endsWith('.txt') && !captioned.has(entry.name)) {
      const origin = { file: relative(root, path) };
      context.reject(
        new DataError('missing-image', origin, {
          expected: 'an image of the same name (jpg, png, webp, …) beside it',
          got: 'none',
          remedy: 'add it or remove the caption',
        }),
      );
    }
  }
}

function captionNameOf(image: string): string {
  return image.replace(IMAGE_NAME, '.txt');
}

/** Names that count as pictures, also in tar members. */
export const IMAGE_NAME = /\.(jpe?g|png|webp|avif|gif|tiff?|bmp)$/i;

async function readPair(
  { image, caption }: FilePair,
  item: number,
  root: string,
  { captions = 'lines', allowOutsideRoot = false, maxCaptionLength = defaultLimits.maxCaptionLength }: FolderOptions,
  { reject }: ReadContext,
): Promise<PairRecord | undefined> {
  const id = relative(root, image).split(sep).join('/');
  const origin: Origin = { file: id };
  if (caption === undefined) {
    reject(
      new DataError('missing-caption', origin, {
        expected: `a caption in ${captionNameOf(id)}`,
        got: 'no such file',
        remedy: 'write one or remove the image',
      }),
    );
    return undefined;
  }
  const captionOrigin: Origin = { file: relative(root, caption).split(sep).join('/') };
  try {
    const content = await readCaption(caption, captionOrigin, allowOutsideRoot ? undefined : root);
    const lines = captions === 'whole' ? content.trim() : content.split(/\r?\n/).filter((line) => line.trim() !== '');
    const value = Array.isArray(lines) && lines.length === 1 ? lines[0] : lines;
    const text = checkCaptions(value, 'text', captionOrigin, { maxCaptionLength }, reject);
    if (text === undefined) return undefined;
    const ref = allowOutsideRoot
      ? { kind: 'file' as const, path: image }
      : { kind: 'file' as const, path: image, root };
    return { id, item, image: ref, text, origin };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    reject(error);
    return undefined;
  }
}

async function readCaption(path: string, origin: Origin, root: string | undefined): Promise<string> {
  let bytes: Uint8Array;
  try {
    if (root !== undefined) await checkRealPath(path, root, origin);
    const status = await stat(path);
    if (!status.isFile()) throw new Error('it is not a regular file');
    if (status.size > MAX_CAPTION_BYTES) {
      throw new DataError('caption-too-long', origin, {
        expected: `a caption file of at most ${MAX_CAPTION_BYTES} bytes`,
        got: `${status.size} bytes`,
        remedy: 'shorten it',
      });
    }
    bytes = await readFile(path);
  } catch (cause) {
    throw cause instanceof DataError ? cause : fileError(path, cause, origin);
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) {
    throw new DataError('invalid-utf8', origin, { expected: 'UTF-8', got: 'bytes that are not', remedy: 'convert it' });
  }
  return text;
}

/** Several captions of the longest allowed length, and no more. */
const MAX_CAPTION_BYTES = 2 ** 20;
