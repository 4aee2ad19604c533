import { checkOptions, type OptionNames } from '@diptych/core';
import { DataError, messageOf } from '../data-error.js';
import { type PathOptions, rootOf } from '../io/image-path.js';
import { parseJson } from '../io/json.js';
import { readLines } from '../io/lines.js';
import { openBytes } from '../io/open.js';
import { decodeUtf8 } from '../io/utf8.js';
import { asUtf8 } from '../io/utf8-stream.js';
import type { Origin } from '../origin.js';
import type { PairSource } from '../source.js';
import { defaultLimits, type Fields, type RowLimits, type RowReader, recordFromRow } from './row.js';
import { type DataFile, type FilesOptions, shardedSource } from './sharded.js';

/** Options of sources that read rows from files. */
export interface RowFileOptions extends PathOptions, FilesOptions, Partial<RowLimits> {
  /** Keys or columns, where they are not `image` (or `file_name`), `text` (or `caption`) and `id`. */
  readonly fields?: Partial<Fields>;
}

/** Options of {@link jsonl}. */
export interface JsonlOptions extends RowFileOptions {
  /** Longer lines are skipped over, never held; 16 MiB by default. */
  readonly maxLineBytes?: number;
}

/** Names of {@link RowFileOptions}. */
export const ROW_FILE_OPTIONS: OptionNames<RowFileOptions> = {
  fields: 'optional',
  root: 'optional',
  allowOutsideRoot: 'optional',
  sharedIds: 'optional',
  labels: 'optional',
  http: 'optional',
  maxCaptionLength: 'optional',
};

const OPTIONS: OptionNames<JsonlOptions> = {
  ...ROW_FILE_OPTIONS,
  maxLineBytes: 'optional',
};

/**
 * A JSON object a line: `{"image": "cats/1.jpg", "text": "a cat asleep"}`; or one list of such objects, up to 256 MiB. `text` may be a list of captions; an `id`
 * names the pair's positives. Paths start from the file's folder (`root`) and may not leave it. `.gz`, `.zst`,
 * `.bz2` and `.xz` are decompressed; files may be remote.
 *
 * ```js
 * const source = jsonl('pairs-{00..07}.jsonl.gz');
 * ```
 *
 * @param files a name, a pattern, or a list of these
 */
export function jsonl(files: string | readonly string[], options: JsonlOptions = {}): PairSource {
  checkOptions('data.jsonl', options, OPTIONS);
  return shardedSource('jsonl', files, options, async function* (file, firstItem, { reject, signal }) {
    const reader = rowReader(file, options, reject);
    const { list, whole } = await peekList(asUtf8(openBytes(file.path, { ...options.http, signal }), file.name));
    const rows = list ? rowsOfList(whole, file) : rowsOfLines(whole, file, options);
    for await (const some of rows) {
      for (const row of some) {
        if (row instanceof DataError) {
          reject(row);
          continue;
        }
        const record = recordFromRow(row.value, firstItem + row.position, row.origin, reader);
        if (record) yield record;
      }
    }
  });
}

/** A parsed row, its number from 0, and its place. */
interface JsonRow {
  readonly value: unknown;
  readonly position: number;
  readonly origin: Origin;
}

/** Some rows at a time, in their order, with those that are none. */
async function* rowsOfLines(
  content: AsyncIterable<Uint8Array>,
  file: DataFile,
  { maxLineBytes = 16 * 2 ** 20 }: JsonlOptions,
): AsyncGenerator<(JsonRow | DataError)[]> {
  for await (const lines of readLines(content, maxLineBytes)) {
    yield lines.flatMap(({ number, bytes }) =>
      rowOfLine(bytes, number, { file: file.name, line: number }, maxLineBytes),
    );
  }
}

/** The row in a line; nothing in a blank one. */
function rowOfLine(
  bytes: Uint8Array | undefined,
  number: number,
  origin: Origin,
  maxLineBytes: number,
): JsonRow | DataError | [] {
  if (bytes === undefined) {
    return new DataError('line-too-long', origin, {
      expected: `a line of at most ${maxLineBytes} bytes`,
      remedy: 'check the file for a missing line break, or raise maxLineBytes',
    });
  }
  const text = decodeUtf8(bytes);
  if (text === undefined) return new DataError('invalid-utf8', origin, NOT_UTF8);
  if (text.trim() === '') return [];
  try {
    return { value: parseJson(text), position: number - 1, origin };
  } catch (cause) {
    const got = messageOf(cause, 200);
    return new DataError(
      'malformed-json',
      origin,
      { expected: 'one JSON object', got, remedy: remedyFor(text) },
      { cause },
    );
  }
}

const NOT_UTF8 = { expected: 'UTF-8', got: 'bytes that are not', remedy: 'convert the file, e.g. from Latin-1' };

/** Whether a file is a list, `[{…}, …]`, instead of lines: as it begins. */
async function peekList(content: AsyncGenerator<Uint8Array>) {
  const first: Uint8Array[] = [];
  let list = false;
  for (;;) {
    const { value, done } = await content.next();
    if (done) break;
    first.push(value);
    const begin = value.find((byte) => byte > 32);
    if (begin === undefined) continue;
    list = begin === LIST_BEGINS;
    break;
  }
  async function* whole() {
    yield* first.splice(0);
    yield* content;
  }
  return { list, whole: whole() };
}

const LIST_BEGINS = '['.charCodeAt(0);

/**
 * The rows of a JSON file that is one list, which is read as a whole.
 *
 * @throws DataError `malformed-json`, `invalid-utf8`, or `line-too-long` above 256 MiB
 */
async function* rowsOfList(content: AsyncIterable<Uint8Array>, { name: file }: DataFile): AsyncGenerator<JsonRow[]> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content) {
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length <= MAX_LIST_BYTES) continue;
    throw new DataError(
      'line-too-long',
      { file },
      { expected: `a list of at most ${MAX_LIST_BYTES} bytes`, remedy: 'write one object a line (jq -c .[])' },
    );
  }
  const text = decodeUtf8(Buffer.concat(chunks));
  if (text === undefined) throw new DataError('invalid-utf8', { file }, NOT_UTF8);
  let rows: unknown;
  try {
    rows = parseJson(text);
  } catch (cause) {
    const got = messageOf(cause, 200);
    const position = Number(/position (\d+)/.exec(got)?.[1] ?? 0);
    throw new DataError(
      'malformed-json',
      { file, line: text.slice(0, position).split('\n').length },
      { expected: 'a list of JSON objects', got, remedy: 'repair it, or write one object a line' },
      { cause },
    );
  }
  yield (rows as unknown[]).map((value, position) => ({ value, position, origin: { file, row: position } }));
}

const MAX_LIST_BYTES = 256 * 2 ** 20;

function remedyFor(text: string): string {
  if (/^\s*\{\s*$/.test(text)) return 'objects that span several lines: write one a line (jq -c .)';
  return text.trimEnd().endsWith(',') ? 'remove the comma after the object' : 'repair or remove the line';
}

/** What rows of a file are checked against. */
export function rowReader(file: DataFile, options: RowFileOptions, reject: RowReader['reject']): RowReader {
  const { fields = {}, allowOutsideRoot = false, maxCaptionLength = defaultLimits.maxCaptionLength, labels } = options;
  return {
    fields,
    root: rootOf(file.path, options),
    allowOutsideRoot,
    limits: { maxCaptionLength },
    ids: file.ids,
    ...(labels && { labels }),
    reject,
  };
}
