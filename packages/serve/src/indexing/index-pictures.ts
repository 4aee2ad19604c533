import { readFile, stat } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { checkOptions, InputError, isDiptychError, Matrix, type MatrixData, type OptionNames } from '@diptych/core';
import { contentId, type ExactIndex, type Metadata } from '@diptych/search';
import type { Embedder } from '../model/embedder.js';
import { upright } from '../pictures/upright.js';

/** A picture to index. */
export interface PictureItem {
  /** Its file. */
  readonly path: string;
  readonly captions?: readonly string[];
  /** Further columns to filter by. */
  readonly columns?: Metadata;
}

/** Options of {@link indexPictures}. */
export interface IndexPicturesOptions {
  /** The folder that ids and paths in the index count from; pictures outside of it are refused. */
  readonly root: string;
  /**
   * What a picture is found by: the picture alone, or its captions as well, where it has some (the sum of their direction and half the
   * picture's). Default `both`.
   */
  readonly vectors?: 'picture' | 'both';
  /** Takes pictures out of the index that were not among the items. Default true. */
  readonly removeOthers?: boolean;
  /** Pictures that are embedded together; default 32. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (counts: IndexedCounts) => void;
  /** Takes pictures that cannot be used. */
  readonly onBad?: (path: string, reason: Error) => void;
}

/** What came of indexing. */
export interface IndexedCounts {
  /** New, or changed since. */
  readonly added: number;
  /** There already, with the same size, time and captions. */
  readonly unchanged: number;
  readonly removed: number;
  readonly bad: number;
}

const OPTIONS: OptionNames<IndexPicturesOptions> = {
  root: 'required',
  vectors: 'optional',
  removeOthers: 'optional',
  batchSize: 'optional',
  signal: 'optional',
  onProgress: 'optional',
  onBad: 'optional',
};
/** How much a picture counts beside its captions, as in the search of a run. */
const PICTURE_SHARE = 0.5;

interface Row {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly captions: readonly string[];
  readonly metadata: Metadata;
}

/**
 * Embeds pictures into an index, each with `path`, `folder`, `caption`, `bytes`, `date` (of its file, ISO 8601), and `content`,
 * an id of its bytes, as metadata. What is there already and has not changed is passed over, so that a second call is quick; what was
 * committed stays if it is interrupted.
 *
 * @throws InputError for a picture outside of the root
 * @throws StoreError if the index cannot be written
 */
export async function indexPictures(
  index: ExactIndex,
  model: Embedder,
  items: AsyncIterable<PictureItem> | Iterable<PictureItem>,
  options: IndexPicturesOptions,
): Promise<IndexedCounts> {
  checkOptions('serve.indexPictures', options, OPTIONS);
  const { root, vectors = 'both', removeOthers = true, batchSize = 32, signal, onProgress, onBad } = options;
  const counts = { added: 0, unchanged: 0, removed: 0, bad: 0 };
  const known = await knownRows(index);
  const seen = new Set<string>();
  const bad = (path: string, error: unknown) => {
    if (!isDiptychError(error) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    counts.bad++;
    onBad?.(path, error as Error);
  };
  let batch: Row[] = [];
  const flush = async () => {
    const rows = batch;
    batch = [];
    if (rows.length === 0) return;
    const good = await embedRows(model, rows, vectors, bad);
    if (good.rows.length > 0) {
      const ids = good.rows.map(({ id }) => id);
      await index.add({ ids, vectors: good.vectors, metadata: good.rows.map(({ metadata }) => metadata) });
    }
    counts.added += good.rows.length;
    onProgress?.({ ...counts });
  };
  for await (const item of items) {
    if (signal?.aborted) break;
    const id = idBelow(root, item.path);
    if (seen.has(id)) continue; // a picture of several pairs
    seen.add(id);
    try {
      const about = await aboutFile(item, id);
      const same = known.get(id);
      if (same !== undefined && same === keyOf(about)) {
        counts.unchanged++;
        if (counts.unchanged % 1000 === 0) onProgress?.({ ...counts });
        continue;
      }
      const bytes = await readFile(item.path);
      batch.push({
        id,
        bytes: await upright(bytes),
        captions: item.captions ?? [],
        metadata: { ...about, content: contentId(bytes) },
      });
    } catch (error) {
      bad(item.path, error);
    }
    if (batch.length >= batchSize) await flush();
  }
  await flush();
  if (removeOthers && !signal?.aborted) {
    counts.removed = await index.delete([...known.keys()].filter((id) => !seen.has(id)));
  }
  onProgress?.({ ...counts });
  return counts;
}

/** What tells whether a picture has changed, of each row. */
async function knownRows(index: ExactIndex): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for await (const { ids, metadata } of index.rows()) {
    for (const [i, id] of ids.entries()) {
      const { content: _, ...about } = metadata[i]!;
      known.set(id, keyOf(about));
    }
  }
  return known;
}

function keyOf(about: Metadata): string {
  return JSON.stringify(Object.entries(about).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function aboutFile({ path, captions = [], columns }: PictureItem, id: string): Promise<Metadata> {
  const { size, mtime } = await stat(path);
  const folder = dirname(id);
  return {
    ...columns,
    path: id,
    folder: folder === '.' ? '' : folder,
    ...(captions.length > 0 && { caption: captions.join('\n') }),
    bytes: size,
    date: mtime.toISOString(),
  };
}

function idBelow(root: string, path: string): string {
  const id = relative(resolve(root), resolve(path)).split(sep).join('/');
  if (id !== '' && id !== '..' && !id.startsWith('../') && !/^([a-z]:)?\//i.test(id)) return id;
  throw new InputError({
    where: path,
    expected: `a picture below ${root}`,
    got: 'one outside of it',
    remedy: 'name a folder above all of them as root',
  });
}

/** Embeds rows together; where one of them cannot be read, each by itself. */
async function embedRows(
  model: Embedder,
  rows: readonly Row[],
  vectors: 'picture' | 'both',
  bad: (path: string, error: unknown) => void,
): Promise<{ readonly rows: readonly Row[]; readonly vectors: MatrixData }> {
  try {
    const images = await model.embedImages(rows.map(({ bytes }) => bytes));
    return { rows, vectors: vectors === 'picture' ? images : await withCaptions(model, rows, images) };
  } catch (error) {
    if (rows.length > 1 && isDiptychError(error) && error.code === 'input') {
      const good: Row[] = [];
      const parts: MatrixData[] = [];
      for (const row of rows) {
        const one = await embedRows(model, [row], vectors, bad);
        good.push(...one.rows);
        if (one.rows.length > 0) parts.push(one.vectors);
      }
      return { rows: good, vectors: Matrix.concat(parts) };
    }
    if (rows.length > 1) throw error;
    bad(rows[0]!.id, error);
    return { rows: [], vectors: new Matrix(new Float32Array(0), [0, model.embedDim]) };
  }
}

/** The direction of a picture's captions, and half of its own: what it is called, and what else it shows. */
async function withCaptions(model: Embedder, rows: readonly Row[], images: MatrixData): Promise<MatrixData> {
  const texts = rows.flatMap(({ captions }) => captions);
  if (texts.length === 0) return images;
  const { data: words } = await model.embedText(texts);
  const width = model.embedDim;
  const out = new Float32Array(images.data);
  let text = 0;
  for (const [row, { captions }] of rows.entries()) {
    if (captions.length === 0) continue;
    const sum = new Float32Array(width);
    for (let end = text + captions.length; text < end; text++) {
      for (let i = 0; i < width; i++) sum[i]! += words[text * width + i]!;
    }
    const length = Math.hypot(...sum) || 1;
    for (let i = 0; i < width; i++) {
      out[row * width + i] = sum[i]! / length + PICTURE_SHARE * out[row * width + i]!;
    }
  }
  return { data: out, shape: images.shape };
}
