import { type FileHandle, open } from 'node:fs/promises';
import { checkOptions } from '@diptych/core';
import { isRemote } from '@diptych/core/http';
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { DataError, messageOf } from '../data-error.js';
import { HttpFile } from '../io/http-file.js';
import { fileError } from '../io/open.js';
import { decodeUtf8 } from '../io/utf8.js';
import type { Origin } from '../origin.js';
import type { PairSource, ReadContext } from '../source.js';
import { ROW_FILE_OPTIONS, type RowFileOptions, rowReader } from './jsonl.js';
import { IMAGE_KEYS, recordFromRow, TEXT_KEYS, usualKey } from './row.js';
import { type DataFile, shardedSource } from './sharded.js';

/** Options of {@link parquet}. */
export type ParquetOptions = RowFileOptions;

/**
 * Parquet files with a column of images (bytes, paths, or the hub's `{ bytes, path }`) and one of captions (a string or
 * a list of strings). Read some megabytes of rows at a time; of remote files, only the footer and the columns that count.
 *
 * ```js
 * const source = parquet('data/train-{00000..00004}-of-00005.parquet', { fields: { text: 'caption' } });
 * ```
 *
 * @param files a name, a pattern, or a list of these
 */
export function parquet(files: string | readonly string[], options: ParquetOptions = {}): PairSource {
  checkOptions('data.parquet', options, ROW_FILE_OPTIONS);
  return shardedSource('parquet', files, { ...options, mayBeEmpty: true }, (file, firstItem, context) =>
    readTable(file, firstItem, options, context),
  );
}

async function* readTable(file: DataFile, firstItem: number, options: ParquetOptions, context: ReadContext) {
  const { path } = file;
  if (isRemote(path)) {
    const remote = await HttpFile.open(path, { ...options.http, signal: context.signal });
    yield* readRecords(remote, file, firstItem, options, context);
    return;
  }
  let handle: FileHandle;
  try {
    handle = await open(path);
  } catch (cause) {
    throw fileError(path, cause);
  }
  try {
    yield* readRecords(await asBuffer(handle, path), file, firstItem, options, context);
  } finally {
    await handle.close();
  }
}

async function* readRecords(
  buffer: AsyncBuffer | HttpFile,
  dataFile: DataFile,
  firstItem: number,
  options: ParquetOptions,
  { reject, signal }: ReadContext,
) {
  const file = dataFile.name;
  const reader = rowReader(dataFile, options, reject);
  const metadata = await readMetadata(buffer, file, signal);
  const columns = chooseColumns(metadata, options, file);
  let row = 0;
  for (const { rowStart, rowEnd, newGroupOf } of readRanges(metadata, columns, buffer.byteLength, file)) {
    if (buffer instanceof HttpFile && newGroupOf !== undefined) buffer.keepParts(newGroupOf <= BYTES_KEPT);
    for (const values of await readRows(buffer, metadata, columns, { rowStart, rowEnd }, file, signal)) {
      const origin: Origin = { file, row };
      const item = firstItem + row++;
      const invalid = columns.find((column) => holdsInvalidText(values[column]));
      if (invalid !== undefined) {
        reject(
          new DataError('invalid-utf8', origin, {
            expected: `UTF-8 in "${invalid}"`,
            got: 'bytes that are not',
            remedy: 'convert the column',
          }),
        );
        continue;
      }
      const record = recordFromRow(values, item, origin, reader);
      if (record) yield record;
    }
  }
}

async function asBuffer(handle: FileHandle, file: string): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async slice(start, end = size) {
      if (!(start >= 0 && end >= start && end <= size))
        throw new Error(`bytes ${start} to ${end} lie outside the file`);
      const bytes = new Uint8Array(end - start);
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
        if (bytesRead === 0) throw fileError(file, new Error('it became shorter while it was read'));
        filled += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

async function readMetadata(buffer: AsyncBuffer, file: string, signal?: AbortSignal): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(buffer, { geoparquet: false });
  } catch (cause) {
    if (cause instanceof DataError || signal?.aborted) throw cause;
    throw malformed(file, cause, 'a Parquet file with a whole footer');
  }
}

/** The columns that hold pairs and their labels, where the file has them; of nested ones the outermost. */
function chooseColumns(metadata: FileMetaData, { fields = {}, labels = {} }: ParquetOptions, file: string): string[] {
  let names: string[];
  try {
    names = parquetSchema(metadata).children.map(({ element }) => element.name);
  } catch (cause) {
    throw malformed(file, cause, 'a readable schema');
  }
  const columnOf = (field: string) =>
    [field, field.split('.')[0]!].find((name) => names.includes(name)) ?? missingColumn(field, names, file);
  const isThere = (name: string) => names.includes(name);
  // a row may have its caption in either column
  const usualTexts = TEXT_KEYS.filter(isThere);
  const texts = fields.text === undefined ? (usualTexts.length > 0 ? usualTexts : [TEXT_KEYS[0]]) : [fields.text];
  const image = fields.image ?? usualKey(IMAGE_KEYS, isThere);
  const wanted = [image, ...texts, ...(fields.id === undefined ? [] : [fields.id])];
  for (const [name, label] of Object.entries(labels)) {
    wanted.push(typeof label === 'string' ? name : (label.field ?? name));
  }
  if (fields.id === undefined && names.includes('id')) wanted.push('id');
  return [...new Set(wanted.map(columnOf))];
}

function missingColumn(field: string, names: readonly string[], file: string): never {
  throw new DataError(
    'missing-key',
    { file },
    {
      expected: `a column ${JSON.stringify(field)}`,
      got: `the columns ${names.slice(0, 20).join(', ')}`,
      remedy: 'name the right ones: fields: { image, text, id }, labels: { name: { kind, field } }',
    },
  );
}

/**
 * Ranges of rows that are read at once: about 32 MiB of the columns, within one row group. The first of a group comes with
 * the bytes of the group's columns.
 */
function* readRanges(metadata: FileMetaData, columns: readonly string[], fileSize: number, file: string) {
  let start = 0;
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows);
    // A row takes a bit at least: more rows than bits are a damaged number, and would be read for ever.
    if (!Number.isSafeInteger(rows) || rows < 0 || rows > fileSize * 8) {
      throw malformed(file, new Error(`a row group claims ${rows} rows`), 'a plausible number of rows');
    }
    let bytes = 0;
    for (const { meta_data } of group.columns) {
      if (meta_data && columns.includes(meta_data.path_in_schema[0]!))
        bytes += Number(meta_data.total_uncompressed_size);
    }
    const perRow = Math.max(1, bytes / Math.max(1, rows));
    const step = Math.min(16_384, Math.max(64, Math.floor(BYTES_AT_ONCE / perRow)));
    for (let first = 0; first < rows; first += step) {
      yield {
        rowStart: start + first,
        rowEnd: start + Math.min(rows, first + step),
        newGroupOf: first === 0 ? bytes : undefined,
      };
    }
    start += rows;
  }
}

const BYTES_AT_ONCE = 32 * 2 ** 20;

/** Columns of a remote row group up to this size are held until its rows are read: they are fetched once. */
const BYTES_KEPT = 256 * 2 ** 20;

async function readRows(
  buffer: AsyncBuffer,
  metadata: FileMetaData,
  columns: string[],
  { rowStart, rowEnd }: { readonly rowStart: number; readonly rowEnd: number },
  file: string,
  signal?: AbortSignal,
): Promise<Record<string, unknown>[]> {
  try {
    const rows = await parquetReadObjects({
      file: buffer,
      metadata,
      columns,
      rowStart,
      rowEnd,
      compressors,
      utf8: false,
      geoparquet: false,
      useOffsetIndex: true,
      parsers: {
        stringFromBytes: (bytes) => decodeUtf8(bytes) ?? INVALID_TEXT,
        // A Date has milliseconds: two ids could become one.
        timestampFromMicroseconds: (microseconds) => microseconds,
        timestampFromNanoseconds: (nanoseconds) => nanoseconds,
      },
    });
    if (rows.length !== rowEnd - rowStart) throw new Error(`${rows.length} rows instead of ${rowEnd - rowStart}`);
    return rows as Record<string, unknown>[];
  } catch (cause) {
    if (cause instanceof DataError || signal?.aborted) throw cause;
    throw malformed(file, cause, `rows ${rowStart} to ${rowEnd - 1}`);
  }
}

/** Stands for a string that was not UTF-8: the library's own decoding would put replacement characters there. */
const INVALID_TEXT = Object.freeze({ invalid: 'utf-8' });

function holdsInvalidText(value: unknown): boolean {
  return value === INVALID_TEXT || (Array.isArray(value) && value.includes(INVALID_TEXT));
}

function malformed(file: string, cause: unknown, expected: string): DataError {
  return new DataError(
    'malformed-parquet',
    { file },
    { expected, got: messageOf(cause, 200), remedy: 'fetch or write the file again' },
    { cause },
  );
}
