import { DataError, messageOf } from '../data-error.js';
import { type PathOptions, rootOf } from '../io/image-path.js';
import { parseJson } from '../io/json.js';
import { readLines } from '../io/lines.js';
import { openBytes } from '../io/open.js';
import { decodeUtf8 } from '../io/utf8.js';
import { asUtf8 } from '../io/utf8-stream.js';
import type { PairSource } from '../source.js';
import { defaultLimits, type Fields, type RowLimits, type RowReader, recordFromRow } from './row.js';
import { type DataFile, type FilesOptions, shardedSource } from './sharded.js';

/** Options of sources that read rows from files. */
export interface RowFileOptions extends PathOptions, FilesOptions, Partial<RowLimits> {
  /** Keys or columns, where they are not `image`, `text` (or `caption`) and `id`. */
  readonly fields?: Partial<Fields>;
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
  return shardedSource('jsonl', files, options, async function* (file, firstItem, { reject, signal }) {
    const reader = rowReader(file, options, reject);
    const content = asUtf8(openBytes(file.path, { ...options.http, signal }), file.name);
    for await (const lines of readLines(content, maxLineBytes)) {
      for (const { number, bytes } of lines) {
        const origin = { file: file.name, line: number };
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
          row = parseJson(text);
        } catch (cause) {
          reject(
            new DataError(
              'malformed-json',
              origin,
              { expected: 'one JSON object', got: messageOf(cause, 200), remedy: remedyFor(text) },
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

function remedyFor(text: string): string {
  if (/^\s*(\[\s*)?$|^\s*\[\s*\{/.test(text)) return 'write one object a line, not a list of them (jq -c .[])';
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
