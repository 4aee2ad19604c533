import { ConfigError } from '@diptych/core';
import { CsvError, parse } from 'csv-parse/sync';
import { DataError, messageOf } from '../data-error.js';
import { isRemote } from '../io/image-path.js';
import { type Line, readLines } from '../io/lines.js';
import { openBytes } from '../io/open.js';
import { decodeUtf8 } from '../io/utf8.js';
import type { PairSource, ReadContext } from '../source.js';
import { type RowFileOptions, rowReader } from './jsonl.js';
import { recordFromRow } from './row.js';
import { shardedSource } from './sharded.js';

/** Options of {@link csv}. */
export interface CsvOptions extends RowFileOptions {
  /** Between fields: a tab for `.tsv`, a comma else, by default. */
  readonly delimiter?: string;
  /** Around fields: `"` by default, none in files of tabs, where a quote is a letter like any other. */
  readonly quote?: '"' | "'" | false;
  /** Names of the columns, for files whose first line does not give them. */
  readonly columns?: readonly string[];
  /** Longest row in bytes; 1 MiB by default. */
  readonly maxRowBytes?: number;
}

/**
 * A table of comma or tab separated values with the columns `image`, `text` (or `caption`) and perhaps `id`. Fields
 * may hold line breaks between quotes. A row with a broken quote costs that row alone: reading goes on in the next line.
 *
 * ```js
 * const source = csv('pairs.csv', { fields: { image: 'filepath', text: 'title' } });
 * ```
 *
 * @param files a name, a pattern with `{00..07}`, or a list of these
 * @throws ConfigError for a delimiter of more than one character
 */
export function csv(files: string | readonly string[], options: CsvOptions = {}): PairSource {
  if (options.delimiter !== undefined && options.delimiter.length !== 1) {
    throw new ConfigError({
      where: 'data.csv',
      expected: 'a delimiter of one character',
      got: JSON.stringify(options.delimiter),
    });
  }
  return shardedSource('csv', files, (file, firstItem, context) => readTable(file, firstItem, options, context));
}

async function* readTable(file: string, firstItem: number, options: CsvOptions, context: ReadContext) {
  const { reject, signal } = context;
  const { maxRowBytes = 2 ** 20 } = options;
  const reader = rowReader(file, options, reject);
  const dialect = dialectOf(file, options);
  let columns = options.columns;
  let header: Row | undefined;
  const lines = readLines(openBytes(file, { ...options.http, signal }), maxRowBytes);
  for await (const row of splitRows(lines, file, dialect, maxRowBytes, reject)) {
    if (!columns) {
      columns = row.fields.map((name) => name.trim());
      header = row;
      continue;
    }
    const origin = { file, line: row.line };
    if (row.fields.length !== columns.length) {
      reject(
        new DataError('malformed-csv', origin, {
          expected: `${columns.length} fields, as in ${header ? `line ${header.line}` : 'columns'}`,
          got: String(row.fields.length),
          remedy: `quote fields that hold ${JSON.stringify(dialect.delimiter)}, or set delimiter`,
        }),
      );
      continue;
    }
    const values = Object.fromEntries(columns.map((name, i) => [name, row.fields[i]]));
    const record = recordFromRow(values, firstItem + row.line - 1, origin, reader);
    if (record) yield record;
  }
}

interface Row {
  readonly line: number;
  readonly fields: readonly string[];
}

interface Dialect {
  readonly delimiter: string;
  readonly quote: string | null;
}

function dialectOf(file: string, { delimiter, quote }: CsvOptions): Dialect {
  const path = isRemote(file) ? new URL(file).pathname : file;
  const between = delimiter ?? (/\.tsv(\.gz|\.zst)?$/i.test(path) ? '\t' : ',');
  return { delimiter: between, quote: (quote ?? (between === '\t' ? false : '"')) || null };
}

interface TextLine {
  readonly number: number;
  readonly text: string;
}

/**
 * Lines as rows. A line with an odd number of quotes goes on in the next ones, until they are even; where the result
 * is no row, or none comes, the first line was broken and the others are looked at anew.
 */
async function* splitRows(
  lines: AsyncIterable<readonly Line[]>,
  file: string,
  dialect: Dialect,
  maxRowBytes: number,
  reject: (error: DataError) => void,
): AsyncGenerator<Row> {
  const { quote } = dialect;
  let queue: TextLine[] = [];
  const broken = (line: number, got: string, cause?: unknown) =>
    reject(
      new DataError(
        'malformed-csv',
        { file, line },
        { expected: 'a row', got, remedy: 'double the quotes inside a quoted field: "5"" pipe"' },
        { cause },
      ),
    );

  function* rows(final: boolean): Generator<Row> {
    let start = 0;
    while (start < queue.length) {
      if (queue[start]!.text === '') {
        start++;
        continue;
      }
      const span = rowSpan(queue, start, quote, maxRowBytes);
      if (span === 'more' && !final) break;
      const first = queue[start]!;
      if (typeof span !== 'number') {
        broken(first.number, 'a quote that is not closed');
        start++;
        continue;
      }
      const text = queue
        .slice(start, start + span)
        .map((line) => line.text)
        .join('\n');
      const result = parseRow(text, dialect);
      if ('fields' in result) {
        yield { line: first.number, fields: result.fields };
        start += span;
      } else {
        broken(first.number, result.problem, result.cause);
        start++;
      }
    }
    queue = queue.slice(start);
  }

  for await (const some of lines) {
    for (const line of some) {
      const text = textOf(line, file, maxRowBytes, reject);
      if (text !== undefined) queue.push({ number: line.number, text });
    }
    yield* rows(false);
  }
  yield* rows(true);
}

/** How many lines from `start` make a row by their quotes: `more` where they are not there yet. */
function rowSpan(
  queue: readonly TextLine[],
  start: number,
  quote: string | null,
  maxBytes: number,
): number | 'more' | 'broken' {
  if (quote === null) return 1;
  let open = false;
  let length = 0;
  for (let i = start; i < queue.length; i++) {
    const { text } = queue[i]!;
    for (let at = text.indexOf(quote); at !== -1; at = text.indexOf(quote, at + 1)) open = !open;
    if (!open) return i - start + 1;
    length += text.length;
    if (length > maxBytes || i - start >= MAX_LINES_PER_ROW) return 'broken';
  }
  return 'more';
}

const MAX_LINES_PER_ROW = 1000;

function parseRow(
  text: string,
  { delimiter, quote }: Dialect,
): { fields: string[] } | { problem: string; cause?: unknown } {
  if (quote === null || !text.includes(quote)) return { fields: text.split(delimiter) };
  try {
    const rows: string[][] = parse(text, { delimiter, quote, record_delimiter: ['\n'], bom: false });
    // Quotes that were even by chance: two broken rows that look like one.
    return rows.length === 1 ? { fields: rows[0]! } : { problem: 'quotes in the midst of fields' };
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    return { problem: messageOf(cause, 200), cause };
  }
}

function textOf(
  { number, bytes }: Line,
  file: string,
  maxBytes: number,
  reject: (error: DataError) => void,
): string | undefined {
  const origin = { file, line: number };
  if (bytes === undefined) {
    reject(
      new DataError('line-too-long', origin, {
        expected: `a line of at most ${maxBytes} bytes`,
        remedy: 'check the file for a missing line break, or raise maxRowBytes',
      }),
    );
    return undefined;
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
  }
  return text;
}
