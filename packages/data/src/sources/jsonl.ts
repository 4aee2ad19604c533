import { DataError, messageOf } from '../data-error.js';
import type { HttpOptions } from '../io/http.js';
import { type PathOptions, rootOf } from '../io/image-path.js';
import { readLines } from '../io/lines.js';
import { openBytes } from '../io/open.js';
import { decodeUtf8 } from '../io/utf8.js';
import type { PairSource } from '../source.js';
import { defaultLimits, type Fields, type RowLimits, type RowReader, recordFromRow } from './row.js';
import { shardedSource } from './sharded.js';

/** Options of sources that read rows from files. */
export interface RowFileOptions extends PathOptions, Partial<RowLimits> {
  /** Keys or columns, where they are not `image`, `text` (or `caption`) and `id`. */
  readonly fields?: Partial<Fields>;
  /** For `http(s)` addresses. */
  readonly http?: HttpOptions;
}

/** Options of {@link jsonl}. */
export interface JsonlOptions extends RowFileOptions {
  /** Longer lines are skipped over, never held; 16 MiB by default. */
  readonly maxLineBytes?: number;
}

/**
 * A JSON object a line: `{"image": "cats/1.jpg", "text": "a cat asleep"}`. `text` may be a list of captions; an `id`
 * names the pair's positives. Paths start from the file's folder (`root`) and may not leave it. `.gz` and `.zst` are
 * decompressed; files may be remote.
 *
 * ```js
 * const source = jsonl('pairs-{00..07}.jsonl.gz');
 * ```
 *
 * @param files a name, a pattern, or a list of these
 */
export function jsonl(files: string | readonly string[], options: JsonlOptions = {}): PairSource {
  const { maxLineBytes = 16 * 2 ** 20 } = options;
  return shardedSource('jsonl', files, async function* (file, firstItem, { reject, signal }) {
    const reader = rowReader(file, options, reject);
    for await (const lines of readLines(openBytes(file, { ...options.http, signal }), maxLineBytes)) {
      for (const { number, bytes } of lines) {
        const origin = { file, line: number };
        if (bytes === undefined) {
          reject(
            new DataError('line-too-long', origin, {
              expected: `a line of at most ${maxLineBytes} bytes`,
              remedy: 'check the file for a missing line break, or raise maxLineBytes',
            }),
          );
          continue;
        }
        const text = decodeUtf8(bytes);
        if (text === undefined) {
          reject(
            new DataError('invalid-utf8', origin, {
              expected: 'UTF-8',
              got: 'bytes that are not',
              remedy: 'convert the file, e.g. from Latin-1',
            }),
          );
          continue;
        }
        if (text.trim() === '') continue;
        let row: unknown;
        try {
          row = JSON.parse(text);
        } catch (cause) {
          reject(
            new DataError(
              'malformed-json',
              origin,
              { expected: 'one JSON object', got: messageOf(cause, 200), remedy: 'repair or remove the line' },
              { cause },
            ),
          );
          continue;
        }
        const record = recordFromRow(row, firstItem + number - 1, origin, reader);
        if (record) yield record;
      }
    }
  });
}

/** What rows of a file are checked against. */
export function rowReader(file: string, options: RowFileOptions, reject: RowReader['reject']): RowReader {
  const { fields = {}, allowOutsideRoot = false, maxCaptionLength = defaultLimits.maxCaptionLength } = options;
  return { fields, root: rootOf(file, options), allowOutsideRoot, limits: { maxCaptionLength }, reject };
}
