import { ConfigError, checkOptions, type OptionNames } from '@diptych/core';
import { publicName } from '@diptych/core/http';
import { DataError, type DataErrorParts } from '../data-error.js';
import { type CsvDialect, type CsvRow, firstCsvRow, readCsvRows } from '../io/csv-rows.js';
import { openBytes } from '../io/open.js';
import { peek } from '../io/peek.js';
import { asUtf8 } from '../io/utf8-stream.js';
import type { PairSource, ReadContext } from '../source.js';
import { captionsOfCell } from './caption-cell.js';
import { ROW_FILE_OPTIONS, type RowFileOptions, rowReader } from './jsonl.js';
import { IMAGE_KEYS, recordFromRow, TEXT_KEYS } from './row.js';
import { type DataFile, shardedSource } from './sharded.js';

/** Options of {@link csv}. */
export interface CsvOptions extends RowFileOptions {
  /**
   * Between fields. By default that of comma, semicolon, tab and `|` under which the first line names the columns (a tab
   * first for `.tsv`).
   */
  readonly delimiter?: string;
  /** Around fields: `"` by default; false where a quote is a letter like any other. */
  readonly quote?: '"' | "'" | false;
  /** Names of the columns, for files whose first line does not give them. */
  readonly columns?: readonly string[];
  /** Longest row in bytes; 1 MiB by default. */
  readonly maxRowBytes?: number;
}

const OPTIONS: OptionNames<CsvOptions> = {
  ...ROW_FILE_OPTIONS,
  delimiter: 'optional',
  quote: 'optional',
  columns: 'optional',
  maxRowBytes: 'optional',
};

/**
 * A table of comma or tab separated values with the columns `image`, `text` (or `caption`) and perhaps `id`, read as pandas
 * does: fields may hold line breaks, delimiters and doubled quotes between quotes, lines end in any way, the text is UTF-8
 * or UTF-16 with its mark. A row with a broken quote costs that row alone: reading goes on in the next line.
 *
 * ```js
 * const source = csv('pairs.csv', { fields: { image: 'filepath', text: 'title' } });
 * ```
 *
 * @param files a name, a pattern with `{00..07}`, or a list of these
 * @throws ConfigError for a delimiter of more than one character
 */
export function csv(files: string | readonly string[], options: CsvOptions = {}): PairSource {
  checkOptions('data.csv', options, OPTIONS);
  if (options.delimiter !== undefined && options.delimiter.length !== 1) {
    throw new ConfigError({
      where: 'data.csv',
      expected: 'a delimiter of one character',
      got: JSON.stringify(options.delimiter),
    });
  }
  return shardedSource('csv', files, options, (file, firstItem, context) =>
    readTable(file, firstItem, options, context),
  );
}

async function* readTable(file: DataFile, firstItem: number, options: CsvOptions, context: ReadContext) {
  const { reject, signal } = context;
  const { maxRowBytes = 2 ** 20 } = options;
  const reader = rowReader(file, options, reject);
  const content = asUtf8(openBytes(file.path, { ...options.http, signal }), file.name);
  const { head, whole } = await peek(content, HEAD_BYTES);
  const { dialect, columns, headerLine } = await layoutOf(head, file, options, maxRowBytes);
  // Of columns with one name the first counts, as in pandas, which renames the others.
  const named = [...new Set(columns)].map((name) => [name, columns.indexOf(name)] as const);
  const captions = options.fields?.text ?? TEXT_KEYS.find((name) => columns.includes(name));
  for await (const rows of readCsvRows(whole, dialect, maxRowBytes)) {
    for (const row of rows) {
      if (headerLine !== undefined && row.line <= headerLine) continue;
      const origin = { file: file.name, line: row.line };
      if ('problem' in row) {
        reject(new DataError(...problemOf(row.problem, origin, maxRowBytes)));
        continue;
      }
      const { fields } = row;
      // A delimiter at the end of a row is no field more.
      const surplus = fields.length === columns.length + 1 && fields.at(-1) === '' ? 1 : 0;
      if (fields.length - surplus !== columns.length) {
        reject(
          new DataError('malformed-csv', origin, {
            expected: `${columns.length} fields, as in ${headerLine ? `line ${headerLine}` : 'columns'}`,
            got: String(fields.length),
            remedy: `quote fields that hold ${JSON.stringify(dialect.delimiter)}, or set delimiter`,
          }),
        );
        continue;
      }
      const values: Record<string, unknown> = {};
      for (let i = 0; i < named.length; i++) values[named[i]![0]] = fields[named[i]![1]]!;
      if (captions !== undefined) values[captions] = captionsOfCell(values[captions] as string);
      const record = recordFromRow(values, firstItem + row.line - 1, origin, reader);
      if (record) yield record;
    }
  }
}

/** Enough for any header. */
const HEAD_BYTES = 2 ** 16;

interface Layout {
  readonly dialect: CsvDialect;
  readonly columns: readonly string[];
  /** Absent where the file has no header. */
  readonly headerLine?: number;
}

/** The delimiter under which the first row fits the columns that are asked for; the first that can be where none does. */
async function layoutOf(head: Uint8Array, file: DataFile, options: CsvOptions, maxRowBytes: number): Promise<Layout> {
  const quote = (options.quote ?? '"') || null;
  const told = DELIMITER_LINE.exec(
    Buffer.from(head.buffer, head.byteOffset, Math.min(16, head.length)).toString('latin1'),
  );
  const lines = told ? 1 : 0;
  const begin = told ? head.subarray(told[0].length) : head;
  let fallback: Layout | undefined;
  for (const delimiter of told?.[1] ? [told[1]] : delimitersFor(file.path, options)) {
    let dialect: CsvDialect = { delimiter, quote, skipSpaces: false };
    let row = await firstCsvRow(begin, dialect, maxRowBytes);
    if (row && startsWithSpaces(row)) {
      dialect = { ...dialect, skipSpaces: true };
      row = await firstCsvRow(begin, dialect, maxRowBytes);
    }
    const fields = row && 'fields' in row ? row.fields : [];
    const layout: Layout = options.columns
      ? { dialect, columns: options.columns, ...(told && { headerLine: lines }) }
      : { dialect, columns: fields.map((name) => name.trim()), headerLine: (row?.line ?? 1) + lines };
    if (options.columns ? fields.length === options.columns.length : namesPairs(layout.columns, options)) return layout;
    fallback ??= layout;
  }
  return fallback!;
}

/** By which Excel is told the delimiter, before the names of the columns. */
const DELIMITER_LINE = /^"?sep=(.)"?\r?\n/i;

function delimitersFor(path: string, { delimiter }: CsvOptions): readonly string[] {
  if (delimiter !== undefined) return [delimiter];
  return /\.(tsv|tab)(\.\w+)?$/i.test(publicName(path)) ? ['\t', ',', ';', '|'] : [',', ';', '\t', '|'];
}

/** `image, text`: a space after each delimiter, which a person wrote to be read, not to be in the text. */
function startsWithSpaces(row: CsvRow): boolean {
  return 'fields' in row && row.fields.length > 1 && row.fields.slice(1).every((field) => field.startsWith(' '));
}

function namesPairs(columns: readonly string[], { fields = {} }: CsvOptions): boolean {
  const has = (named: string | undefined, usual: readonly string[]) =>
    (named === undefined ? usual : [named]).some((key) => columns.includes(key));
  return has(fields.text, TEXT_KEYS) && has(fields.image, IMAGE_KEYS);
}

const CONVERT =
  'save the table as "CSV UTF-8", or convert it: `iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv` (spreadsheets write their system\'s letters)';

function problemOf(
  problem: Extract<CsvRow, { problem: string }>['problem'],
  origin: { file: string; line: number },
  maxBytes: number,
): ConstructorParameters<typeof DataError> {
  const parts: Record<typeof problem, [ConstructorParameters<typeof DataError>[0], DataErrorParts]> = {
    'unclosed-quote': [
      'malformed-csv',
      {
        expected: 'a row',
        got: 'a quote that is not closed',
        remedy: 'double the quotes inside a quoted field: "5"" pipe"; where quotes are letters, set quote: false',
      },
    ],
    'too-long': [
      'line-too-long',
      {
        expected: `a row of at most ${maxBytes} bytes`,
        remedy: 'check the file for a missing line break, or raise maxRowBytes',
      },
    ],
    'not-utf8': ['invalid-utf8', { expected: 'UTF-8', got: 'bytes that are not', remedy: CONVERT }],
  };
  const [reason, about] = parts[problem];
  return [reason, origin, about];
}
