import { createHash } from 'node:crypto';
import { cpSync, createReadStream, existsSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ConfigError,
  checkMethods,
  checkOptions,
  checkPath,
  describeTokenizer,
  isDiptychError,
  type JsonObject,
  type OptionNames,
  type PartDescription,
  tokenizerFiles,
} from '@diptych/core';
import type { RowBlock } from '@diptych/search';
import type { ListedFile } from '@diptych/weights';
import type { ExportedPart, JointModel } from 'diptych';
import { shrink } from '../pictures/thumbnails.js';
import { readCatalogue } from '../search/catalogue.js';
import {
  ROWS_FILE,
  SCALES_FILE,
  SITE_FILE,
  SITE_FORMAT,
  SITE_VERSION,
  type Site,
  type SiteRow,
  thumbnailFile,
  VECTORS_FILE,
  viewFile,
} from './site.js';
import { toInt8 } from './static-index.js';

/** What holds the rows of a page: an `ExactIndex`, or blocks of rows of your own. */
export interface RowListing {
  rows(): AsyncIterable<RowBlock>;
}

/** Options of {@link writeStaticSearch}. */
export interface StaticSearchOptions {
  /** Embeds what is looked for; its towers are written as ONNX. */
  readonly model: JointModel;
  /** The pictures' ids, vectors and metadata; `path` of the metadata, else the id, counts from `pictures`. */
  readonly index: RowListing;
  /** Folder of the pictures. */
  readonly pictures: string;
  /** The text tower's weights: `int8` is about a quarter of the size. Default `float32`. */
  readonly textWeights?: 'float32' | 'int8';
  /** The index: `int8` is a quarter of the size. Default `float32`. */
  readonly vectors?: 'float32' | 'int8';
  /** Longest side of the pictures in the viewer, in pixels; 0 writes thumbnails alone. Default 1024. */
  readonly viewSize?: number;
  readonly onProgress?: (pictures: number) => void;
  /** Takes pictures that cannot be read; they are left out of the page. */
  readonly onBad?: (path: string, reason: Error) => void;
}

/** What was written. */
export interface StaticSearchReport {
  readonly rows: number;
  /** Of model, tokenizer and index; the runtime has 14 MB, and pictures come on top. */
  readonly bytes: number;
  /** The model's files, and how far each is from the model. */
  readonly parts: readonly ExportedPart[];
  /** Files above the 100 MB that GitHub Pages takes. */
  readonly large: readonly string[];
}

const WHERE = 'serve.writeStaticSearch';
const OPTIONS: OptionNames<StaticSearchOptions> = {
  model: 'required',
  index: 'required',
  pictures: 'required',
  textWeights: 'optional',
  vectors: 'optional',
  viewSize: 'optional',
  onProgress: 'optional',
  onBad: 'optional',
};
const PRECISIONS = ['float32', 'int8'];
const THUMBNAIL_SIZE = 320;
const VIEW_SIZE = 1024;
const MOST_PIXELS = 2 ** 28;
const GITHUB_PAGES_BYTES = 100e6;
/** The page as vite built it: beside the built package, or of the sources. */
const PAGES = ['static', '../../dist/static'].map((path) => join(dirname(fileURLToPath(import.meta.url)), path));

/**
 * Writes a search page that needs nothing but a server of files: the page, ONNX Runtime for WebAssembly, the towers as ONNX, the
 * tokenizer, vectors and thumbnails. It runs below any path and asks no other server. Pictures are written anew, without
 * what their files say beside pixels (EXIF, GPS); the index's metadata is published as it is.
 *
 * @throws ConfigError for a model whose transform or tokenizer is of your own, which the page does not know
 * @throws EngineError for a tower that has no ONNX form
 */
export async function writeStaticSearch(folder: string, options: StaticSearchOptions): Promise<StaticSearchReport> {
  checkPath(WHERE, folder);
  checkOptions(WHERE, options, OPTIONS);
  const { model, index, pictures, textWeights = 'float32', vectors = 'float32', viewSize = VIEW_SIZE } = options;
  checkMethods(`${WHERE}: model`, model, ['exportOnnx', 'embedText'], 'load(folder) of diptych gives one');
  checkMethods(`${WHERE}: index`, index, ['rows'], 'openIndex(folder) of @diptych/search gives one');
  checkPath(`${WHERE}: pictures`, pictures);
  for (const [name, value] of Object.entries({ textWeights, vectors })) {
    if (PRECISIONS.includes(value)) continue;
    throw new ConfigError({ where: `${WHERE}: ${name}`, expected: PRECISIONS.join(' or '), got: String(value) });
  }
  if (!Number.isInteger(viewSize) || viewSize < 0) {
    throw new ConfigError({ where: `${WHERE}: viewSize`, expected: 'pixels, from 0 on', got: String(viewSize) });
  }
  checkPortable(model);
  for (const part of ['index', 'model', 'thumbnails', 'pictures']) await mkdir(join(folder, part), { recursive: true });
  copyPage(folder);

  const parts = await model.exportOnnx(join(folder, 'model'), {
    parts: ['image', 'text'],
    ...(textWeights === 'int8' && { int8: ['text'] as const }),
  });
  const textFile = textWeights === 'int8' ? 'model/text.int8.onnx' : 'model/text.onnx';
  for (const file of ['model/image.onnx', 'model/text.onnx']) {
    if (existsSync(join(folder, `${file}.data`))) throw tooLarge(file);
  }
  const rows = await writeRows(folder, options, viewSize, model.embedDim);
  const { columns } = await readCatalogue({ ...listing(rows), embedDim: model.embedDim } as never);
  const values = Float32Array.from(rows.flatMap(({ vector }) => [...vector]));
  const written = [ROWS_FILE, VECTORS_FILE];
  await writeFile(join(folder, ROWS_FILE), JSON.stringify(rows.map(({ id, metadata }): SiteRow => ({ id, metadata }))));
  if (vectors === 'int8') {
    const small = toInt8(values, model.embedDim);
    await writeFile(join(folder, VECTORS_FILE), bytesOf(small.values));
    await writeFile(join(folder, SCALES_FILE), bytesOf(small.scales));
    written.push(SCALES_FILE);
  } else await writeFile(join(folder, VECTORS_FILE), bytesOf(values));

  const tokenizer = Object.keys(tokenizerFiles(model.tokenizer)).map((name) => `model/tokenizer/${name}`);
  const files: Record<string, ListedFile> = {};
  for (const path of [...written, 'model/image.onnx', textFile, ...tokenizer])
    files[path] = await listed(join(folder, path));
  const { transform } = model;
  const site: Site = {
    format: SITE_FORMAT,
    version: SITE_VERSION,
    rows: rows.length,
    embedDim: model.embedDim,
    vectors,
    columns,
    viewSize,
    image: { file: 'model/image.onnx', shape: transform.outputShape, options: transform.describe().options },
    text: { file: textFile, options: withoutFiles(describeTokenizer(model.tokenizer)), tokenize: model.tokenize },
    files,
  };
  await writeFile(join(folder, SITE_FILE), `${JSON.stringify(site, null, 1)}\n`);
  // of GitHub Pages: names that begin with _ would be left out
  await writeFile(join(folder, '.nojekyll'), '');
  return {
    rows: rows.length,
    bytes: Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0),
    parts,
    large: Object.keys(files).filter((path) => files[path]!.bytes > GITHUB_PAGES_BYTES),
  };
}

interface WrittenRow extends SiteRow {
  readonly vector: Float32Array;
}

/** Thumbnails of all rows, whose vectors get length 1. */
async function writeRows(
  folder: string,
  { index, pictures, onBad, onProgress }: StaticSearchOptions,
  viewSize: number,
  embedDim: number,
): Promise<WrittenRow[]> {
  const rows: WrittenRow[] = [];
  for await (const { ids, vectors, metadata } of index.rows()) {
    if (vectors.shape[1] !== embedDim) {
      throw new ConfigError({
        where: `${WHERE}: index`,
        expected: `vectors of ${embedDim} numbers, as the model gives them`,
        got: `${vectors.shape[1]}`,
        remedy: 'index the pictures with this model',
      });
    }
    for (const [i, id] of ids.entries()) {
      const { path } = metadata[i]!;
      const file = resolve(pictures, typeof path === 'string' ? path : id);
      try {
        const sizes = [
          [THUMBNAIL_SIZE, thumbnailFile(rows.length)],
          [viewSize, viewFile(rows.length)],
        ] as const;
        for (const [size, name] of sizes) {
          if (size > 0) await writeFile(join(folder, name), await shrink(file, size, MOST_PIXELS));
        }
      } catch (error) {
        if (!isDiptychError(error)) throw error;
        onBad?.(file, error);
        continue;
      }
      const row = vectors.row(i);
      const length = Math.hypot(...row) || 1;
      rows.push({ id, metadata: metadata[i]!, vector: row.map((value) => value / length) });
      onProgress?.(rows.length);
    }
  }
  return rows;
}

function listing(rows: readonly WrittenRow[]) {
  return {
    async *rows() {
      for (const { id, metadata, vector } of rows) {
        yield { ids: [id], metadata: [metadata], vectors: { data: vector, shape: [1, vector.length] } };
      }
    },
  };
}

function copyPage(folder: string): void {
  const built = PAGES.find((path) => existsSync(join(path, 'index.html')))!;
  cpSync(built, folder, { recursive: true });
}

/** The page knows the transforms and tokenizers of diptych, not those of your own. */
function checkPortable(model: JointModel): void {
  const own = [
    ...kindsOf(model.transform.describe(), 'preprocess/image-transform'),
    ...kindsOf(model.tokenizer.describe(), 'preprocess/tokenizer'),
  ];
  if (own.length === 0) return;
  throw new ConfigError({
    where: `${WHERE}: model`,
    expected: 'a transform and a tokenizer of diptych, which the page has as well',
    got: own.join(', '),
    remedy: 'build a page of your own around model.exportOnnx(folder)',
  });
}

function kindsOf({ kind, options }: PartDescription, known: string): string[] {
  if (kind !== known) return [kind];
  const { steps = [] } = options as { readonly steps?: readonly JsonObject[] };
  return steps.flatMap(({ op }) => (typeof op === 'string' && op.includes('/') ? [op] : []));
}

function withoutFiles({ options }: PartDescription): JsonObject {
  const { files: _, ...rest } = options;
  return rest;
}

function tooLarge(file: string): ConfigError {
  return new ConfigError({
    where: `${WHERE}: model`,
    expected: 'towers that a browser holds',
    got: `${file} of more than 2 GB`,
    remedy: 'train smaller towers, or serve the model: diptych serve',
  });
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Int8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

async function listed(path: string): Promise<ListedFile> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return { bytes: statSync(path).size, sha256: hash.digest('hex') };
}
