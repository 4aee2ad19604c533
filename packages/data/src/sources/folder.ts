import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { ConfigError, checkOptions, type OptionNames } from '@diptych/core';
import { checkCaptions, describe } from '../captions.js';
import { DataError, messageOf } from '../data-error.js';
import { parseJson } from '../io/json.js';
import { IMAGE_NAME, isCompanion } from '../io/names.js';
import { fileError } from '../io/open.js';
import { checkRealPath } from '../io/real-path.js';
import { sampleFile } from '../io/sample-file.js';
import { decodeText } from '../io/utf8.js';
import { type LabelColumns, labelKinds, readLabels } from '../labels.js';
import type { Origin } from '../origin.js';
import type { PairRecord } from '../record.js';
import { countingRejects, type PairSource, type ReadContext } from '../source.js';
import { defaultLimits, type RowLimits, valueAt } from './row.js';

/** What of a text file beside a picture is its caption. */
type FileCaptions = 'lines' | 'first' | 'whole';

/** Options of {@link folder}. */
export interface FolderOptions extends Partial<RowLimits> {
  /** Looks into the folders below too; true by default. Links to folders are not followed. */
  readonly recursive?: boolean;
  /** Each line of a `.txt` is a caption (`lines`, by default), the `first` one alone, or the `whole` file. */
  readonly captions?: FileCaptions;
  /** Gives the caption of a picture that has none beside it, from the picture's path; undefined where there is none. */
  readonly withoutCaption?: (path: string) => string | undefined | Promise<string | undefined>;
  /** Labels to read from a `.json` of the same name: an object with a key for each. */
  readonly labels?: LabelColumns;
  /** Takes links to files outside the folder. */
  readonly allowOutsideRoot?: boolean;
}

const OPTIONS: OptionNames<FolderOptions> = {
  recursive: 'optional',
  captions: 'optional',
  withoutCaption: 'optional',
  labels: 'optional',
  allowOutsideRoot: 'optional',
  maxCaptionLength: 'optional',
};

/**
 * A folder of pictures with captions beside them: `cat.jpg` and `cat.txt`, or `cat.json` with `text` (or `caption`). In the
 * order of the names. What systems put beside them (`._cat.jpg`, `.DS_Store`, `Thumbs.db`) is passed over.
 *
 * ```js
 * const source = folder('pictures');
 * ```
 *
 * @throws ConfigError without a folder's name, or for a kind of label that there is not
 */
export function folder(root: string, options: FolderOptions = {}): PairSource {
  checkOptions('data.folder', options, OPTIONS);
  if (typeof root !== 'string') {
    throw new ConfigError({ where: 'data.folder', expected: 'the path of a folder', got: describe(root) });
  }
  const absolute = resolve(root);
  const labels = labelKinds('data.folder', options.labels);
  return {
    name: `folder(${absolute.split(sep).at(-1)})`,
    shufflesFully: false,
    ...(labels && { labels }),
    async *read(context: ReadContext) {
      const { shard, reject } = context;
      let item = 0;
      const counting = countingRejects(context);
      for await (const pair of walk(absolute, absolute, options, counting)) {
        counting.found++;
        const position = item++;
        if (position % shard.count !== shard.index) continue;
        const record = await readPair(pair, position, absolute, options, counting);
        if (record) yield record;
      }
      if (counting.found === 0) reject(noPictures(root));
    },
    async fingerprint() {
      const hash = createHash('sha256').update('folder');
      const failed = (error: DataError) => hash.update(`\n${error.reason}`);
      for await (const pair of walk(absolute, absolute, options, { reject: failed })) {
        for (const path of [pair.image, pair.caption, pair.sidecar]) {
          if (path === undefined) continue;
          hash.update(
            `\n${nameBelow(absolute, path)} ${await sampleFile(path, {}, SAMPLE_BYTES).catch(() => 'unreadable')}`,
          );
        }
      }
      return hash.digest('hex');
    },
  };
}

/** Of each picture and caption, three times: a folder may hold a hundred thousand. */
const SAMPLE_BYTES = 512;

interface FilePair {
  readonly image: string;
  /** The caption's file, where there is one. */
  readonly caption: string | undefined;
  /** The `.json` of the same name, where there is one. */
  readonly sidecar: string | undefined;
}

async function* walk(
  folderPath: string,
  root: string,
  options: FolderOptions,
  context: Pick<ReadContext, 'reject'>,
): AsyncGenerator<FilePair> {
  const { recursive = true } = options;
  let entries: import('node:fs').Dirent[];
  try {
    entries = await readdir(folderPath, { withFileTypes: true });
  } catch (cause) {
    context.reject(fileError(folderPath, cause));
    return;
  }
  entries = entries.filter(({ name }) => !isCompanion(name));
  // By code unit: the order of a locale differs between machines.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  const captions = filesByStem(files, CAPTION_NAME);
  const sidecars = filesByStem(files, /\.json$/i);
  const pictured = new Set(files.filter((name) => IMAGE_NAME.test(name)).map((name) => stemOf(name, IMAGE_NAME)));
  const at = (name: string | undefined) => (name === undefined ? undefined : join(folderPath, name));
  for (const entry of entries) {
    const path = join(folderPath, entry.name);
    if (entry.isDirectory()) {
      if (recursive) yield* walk(path, root, options, context);
    } else if (IMAGE_NAME.test(entry.name)) {
      const stem = stemOf(entry.name, IMAGE_NAME);
      yield { image: path, caption: at(captions.get(stem)), sidecar: at(sidecars.get(stem)) };
    } else if (CAPTION_NAME.test(entry.name) && !pictured.has(stemOf(entry.name, CAPTION_NAME))) {
      const origin = { file: nameBelow(root, path) };
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

/** Captions; also `.TXT` of old Windows tools. */
const CAPTION_NAME = /\.txt$/i;

/**
 * A name without its suffix. An accent may be part of its letter or follow it (macOS keeps names in the one form, most else
 * write the other): both are one name.
 */
function stemOf(name: string, suffix: RegExp): string {
  return name.replace(suffix, '').normalize('NFC');
}

function filesByStem(names: readonly string[], suffix: RegExp): Map<string, string> {
  return new Map(names.filter((name) => suffix.test(name)).map((name) => [stemOf(name, suffix), name]));
}

function nameBelow(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}

function noPictures(root: string): DataError {
  return new DataError(
    'no-pairs',
    { file: root },
    {
      expected: 'pictures (jpg, png, webp, …) with captions in .txt files beside them',
      got: 'none',
      remedy: 'check the folder',
    },
  );
}

async function readPair(
  { image, caption, sidecar }: FilePair,
  item: number,
  root: string,
  options: FolderOptions,
  { reject }: Pick<ReadContext, 'reject'>,
): Promise<PairRecord | undefined> {
  const { captions = 'lines', allowOutsideRoot = false, maxCaptionLength = defaultLimits.maxCaptionLength } = options;
  const id = nameBelow(root, image);
  const origin: Origin = { file: id };
  const within = allowOutsideRoot ? undefined : root;
  try {
    const wantsSidecar = options.labels !== undefined || caption === undefined;
    const metadata = sidecar !== undefined && wantsSidecar ? await readSidecar(sidecar, root, within) : undefined;
    const captionOrigin: Origin = { file: nameBelow(root, caption ?? sidecar ?? image) };
    const beside =
      caption === undefined
        ? (metadata?.text ?? metadata?.caption)
        : await readCaptions(caption, captionOrigin, within, captions);
    const value = beside ?? (await captionOf(image, within, origin, options));
    if (value === undefined || value === null) {
      throw new DataError('missing-caption', origin, {
        expected: `a caption in ${id.replace(IMAGE_NAME, '.txt')}`,
        got: sidecar === undefined ? 'no such file' : 'a .json without "text" and "caption"',
        remedy: 'write one or remove the image',
      });
    }
    const text = checkCaptions(value, 'text', captionOrigin, { maxCaptionLength }, reject);
    if (text === undefined) return undefined;
    const labels = options.labels && readLabels(options.labels, (field) => valueAt(metadata ?? {}, field), origin);
    return {
      id,
      item,
      image: { kind: 'file', path: image, ...(within && { root }) },
      text,
      origin,
      ...(labels && { labels }),
    };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    reject(error);
    return undefined;
  }
}

/** What the user says of a picture without a caption; never of a file that a link led to outside. */
async function captionOf(
  image: string,
  within: string | undefined,
  origin: Origin,
  { withoutCaption }: FolderOptions,
): Promise<string | undefined> {
  if (!withoutCaption) return undefined;
  if (within !== undefined) await checkRealPath(image, within, origin);
  return withoutCaption(image);
}

async function readCaptions(path: string, origin: Origin, root: string | undefined, captions: FileCaptions) {
  const content = await readText(path, origin, root);
  if (captions === 'whole') return content.trim();
  const lines = content.split(/\r\n|\n|\r/).filter((line) => line.trim() !== '');
  return lines.length === 1 || (captions === 'first' && lines.length > 0) ? lines[0] : lines;
}

async function readSidecar(path: string, root: string, within: string | undefined): Promise<Record<string, unknown>> {
  const origin: Origin = { file: nameBelow(root, path) };
  let parsed: unknown;
  try {
    parsed = parseJson(await readText(path, origin, within));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(
      'malformed-json',
      origin,
      { expected: 'a JSON object', got: messageOf(cause, 200), remedy: 'write it again' },
      { cause },
    );
  }
  return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
}

async function readText(path: string, origin: Origin, root: string | undefined): Promise<string> {
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
  const text = decodeText(bytes);
  if (text === undefined) {
    throw new DataError('invalid-utf8', origin, { expected: 'UTF-8', got: 'bytes that are not', remedy: 'convert it' });
  }
  return text;
}

/** Several captions of the longest allowed length, and no more. */
const MAX_CAPTION_BYTES = 2 ** 20;
