import { CsvError, type Parser, parse } from 'csv-parse';

/** How a table is written. */
export interface CsvDialect {
  readonly delimiter: string;
  /** Around fields; null: quotes are letters. */
  readonly quote: string | null;
  /** Spaces after a delimiter are no part of the field (`a, b`). */
  readonly skipSpaces: boolean;
}

/** A row, or why there is none. Lines count from 1. */
export type CsvRow =
  | { readonly line: number; readonly fields: readonly string[] }
  | { readonly line: number; readonly problem: 'unclosed-quote' | 'too-long' | 'not-utf8' };

/**
 * Splits the bytes of a table (UTF-8) into rows as Python's csv module and pandas do, by csv-parse: lines end in `\n`,
 * `\r\n` or `\r`; blank ones are no rows; fields between quotes hold anything, with quotes doubled; a quote inside a field
 * that does not begin with one is a letter; what follows a closing quote belongs to the field (`"big" dog` is `big dog`).
 *
 * Beside what these do: a quote that is not closed, which would swallow the rest of the file, and a row longer than
 * `maxBytes` cost the line in which they begin. Reading goes on in the next.
 *
 * Stretches without a quote hold nothing but line ends and delimiters; they are split at these, in half of the parser's time.
 *
 * @param start line number of the first byte
 */
export async function* readCsvRows(
  chunks: AsyncIterable<Uint8Array>,
  dialect: CsvDialect,
  maxBytes: number,
  start = 1,
): AsyncGenerator<CsvRow[]> {
  const splitter = new Splitter(dialect, maxBytes, start);
  for await (const chunk of chunks) {
    const rows = await splitter.push(chunk);
    if (rows.length > 0) yield rows;
  }
  const rows = await splitter.end();
  if (rows.length > 0) yield rows;
}

/** The fields of the first row of these bytes, where they hold a whole one. */
export async function firstCsvRow(
  bytes: Uint8Array,
  dialect: CsvDialect,
  maxBytes: number,
): Promise<CsvRow | undefined> {
  const splitter = new Splitter(dialect, maxBytes, 1);
  return (await splitter.push(bytes))[0] ?? (await splitter.end())[0];
}

/** Feeds a parser, and a new one after each place where it failed. */
class Splitter {
  readonly #dialect: CsvDialect;
  readonly #maxBytes: number;
  #parser: Parser;
  /** What has come and was not yet given as rows, so that a new parser can begin there. */
  #held: Buffer = Buffer.alloc(0);
  /** How much of `#held` this parser has got. */
  #fed = 0;
  /** The parser's position at which `#held` begins. */
  #heldFrom = 0;
  /** The line on which `#held` begins. */
  #line: number;
  /** In a line that is too long, up to its end. */
  #skipping = false;
  #rows: CsvRow[] = [];

  constructor(dialect: CsvDialect, maxBytes: number, line: number) {
    this.#dialect = dialect;
    this.#maxBytes = maxBytes;
    this.#line = line;
    this.#parser = this.#newParser();
  }

  /** The rows that these bytes complete. */
  async push(chunk: Uint8Array): Promise<CsvRow[]> {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#skipping) bytes = this.#skipLine(bytes);
    this.#held = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes]);
    if (this.#splitPlain(lastLineEnd(this.#held))) return this.#rows.splice(0);
    let failure = await this.#feed();
    while (failure) {
      if (!this.#restart(failure)) break;
      failure = await this.#feed();
    }
    return this.#rows.splice(0);
  }

  /** The rows that the end completes. */
  async end(): Promise<CsvRow[]> {
    if (this.#splitPlain(this.#held.length)) return this.#rows.splice(0);
    let failure = (await this.#feed()) ?? (await this.#finish());
    while (failure) {
      if (!this.#restart(failure)) break;
      failure = (await this.#feed()) ?? (await this.#finish());
    }
    return this.#rows.splice(0);
  }

  /** Gives the parser what it has not yet got of the held bytes. */
  async #feed(): Promise<Error | undefined> {
    const failure = await feed(this.#parser, this.#held.subarray(this.#fed));
    this.#fed = this.#held.length;
    this.#release();
    return failure;
  }

  async #finish(): Promise<Error | undefined> {
    const failure = await finish(this.#parser);
    this.#release();
    return failure;
  }

  /**
   * The held bytes up to `end` as rows, where they need no parser: no quotes, no row of an odd length, all of it UTF-8.
   *
   * @returns false where they need one
   */
  #splitPlain(end: number): boolean {
    const { delimiter, quote, skipSpaces } = this.#dialect;
    const held = this.#held;
    if (skipSpaces || (quote !== null && held.includes(quote))) return false;
    if (held.length - end > this.#maxBytes) return false;
    const rows: CsvRow[] = [];
    let line = this.#line;
    let newline = -1;
    let back = -1;
    for (let from = 0, next: number; from < end; from = next) {
      // Each is looked for only once it is passed: in a file that has none of them, that is once.
      if (newline < from) newline = indexOrEnd(held, NEWLINE, from, end);
      if (back < from) back = indexOrEnd(held, RETURN, from, end);
      const to = Math.min(newline, back);
      next = Math.min(end, back + 1 === newline ? newline + 1 : to + 1);
      if (to - from > this.#maxBytes) return false;
      // A string of its own: a slice of the whole stretch would keep that in memory.
      const text = held.toString('utf8', from, to);
      if (text.includes('\ufffd')) return false;
      const fields = text.split(delimiter);
      if (fields.length > 1 || text.trim() !== '') rows.push({ line, fields });
      line++;
    }
    if (this.#fed > 0) this.#startParser();
    this.#rows.push(...rows);
    this.#line = line;
    this.#held = held.subarray(end);
    return true;
  }

  #newParser(): Parser {
    const { delimiter, quote, skipSpaces } = this.#dialect;
    this.#heldFrom = 0;
    const parser = parse({
      delimiter,
      quote,
      escape: quote,
      ltrim: skipSpaces,
      relax_quotes: true,
      relax_column_count: true,
      skip_empty_lines: true,
      // '\r\n' before '\r', or each line end of Windows would be two.
      record_delimiter: ['\r\n', '\n', '\r'],
      max_record_size: this.#maxBytes,
      on_record: (fields: string[], { bytes }) => {
        this.#take(fields, bytes);
        return null;
      },
    });
    // Each error reaches the callback of the write that meets it.
    parser.on('error', () => {});
    parser.resume();
    return parser;
  }

  /** Takes the row that ends at this position. */
  #take(fields: string[], end: number): void {
    const raw = this.#held.subarray(this.#consumed, end - this.#heldFrom);
    const from = this.#consumed + blankLines(raw);
    this.#line += lineBreaks(this.#held.subarray(this.#consumed, from));
    const row = this.#held.subarray(from, end - this.#heldFrom);
    const whole = this.#asPandas(fields, row);
    if (!whole) {
      this.#consumed = from;
      throw new BrokenRow();
    }
    this.#consumed = end - this.#heldFrom;
    if (!(whole.length === 1 && whole[0]!.trim() === '' && row.length > 0 && !row.includes(QUOTE))) {
      const unsound = whole.some((field) => field.includes('\ufffd')) && !isUtf8(row);
      this.#rows.push(unsound ? { line: this.#line, problem: 'not-utf8' } : { line: this.#line, fields: whole });
    }
    this.#line += lineBreaks(row);
  }

  /** Bytes of `#held` that were given as rows. */
  #consumed = 0;

  /**
   * The fields as pandas reads them. csv-parse gives a field in which something follows the closing quote with its quotes;
   * such a field begins with a quote, as only fields do whose content does.
   *
   * @returns undefined where a quote is closed on a later line and something follows it: it was not meant to be closed there
   */
  #asPandas(fields: string[], row: Buffer): readonly string[] | undefined {
    const { quote, delimiter, skipSpaces } = this.#dialect;
    if (quote === null || !fields.some((field) => field.startsWith(quote))) return fields;
    const text = row.toString('utf8');
    const out: string[] = [];
    let at = 0;
    for (;;) {
      if (skipSpaces) while (text[at] === ' ') at++;
      let field = '';
      if (text[at] === quote) {
        for (at++; at < text.length; at++) {
          if (text[at] !== quote) field += text[at];
          else if (text[at + 1] === quote) field += text[at++];
          else break;
        }
        at++;
        const next = text[at];
        if (next !== undefined && next !== delimiter && !isBreak(next) && BREAK.test(field)) return undefined;
      }
      while (at < text.length && text[at] !== delimiter && !isBreak(text[at]!)) field += text[at++];
      out.push(field);
      if (text[at] !== delimiter) return out;
      at++;
    }
  }

  #release(): void {
    if (this.#consumed === 0) return;
    this.#held = this.#held.subarray(this.#consumed);
    this.#fed -= this.#consumed;
    this.#heldFrom += this.#consumed;
    this.#consumed = 0;
  }

  /** Gives up the line in which the held bytes begin, and begins anew behind it; false where nothing is left. */
  #restart(failure: Error): boolean {
    if (!(failure instanceof CsvError || failure instanceof BrokenRow)) throw failure;
    const blank = blankLines(this.#held);
    this.#line += lineBreaks(this.#held.subarray(0, blank));
    if (blank >= this.#held.length) return false;
    const tooLong = failure instanceof CsvError && failure.code === 'CSV_MAX_RECORD_SIZE';
    const end = lineEnd(this.#held, blank);
    const longLine = (end === -1 ? this.#held.length : end) - blank > this.#maxBytes;
    this.#rows.push({ line: this.#line, problem: tooLong && longLine ? 'too-long' : 'unclosed-quote' });
    this.#line++;
    this.#skipping = end === -1;
    this.#held = end === -1 ? Buffer.alloc(0) : this.#held.subarray(end);
    this.#startParser();
    return this.#held.length > 0;
  }

  /** A new parser, for what is held. */
  #startParser(): void {
    this.#consumed = 0;
    this.#fed = 0;
    this.#parser.destroy();
    this.#parser = this.#newParser();
  }

  /** The bytes behind the end of the line that is skipped. */
  #skipLine(bytes: Buffer): Buffer {
    const end = lineEnd(bytes, 0);
    if (end === -1) return bytes.subarray(bytes.length);
    this.#skipping = false;
    return bytes.subarray(end);
  }
}

/** Stops a parser at a row that cannot be meant. */
class BrokenRow extends Error {}

const NEWLINE = 10;
const RETURN = 13;
const QUOTE = 34;
const BREAK = /[\r\n]/;

function isBreak(character: string): boolean {
  return character === '\n' || character === '\r';
}

/** Length of the line breaks that bytes begin with. */
function blankLines(bytes: Buffer): number {
  let at = 0;
  while (bytes[at] === NEWLINE || bytes[at] === RETURN) at++;
  return at;
}

function lineBreaks(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === NEWLINE || (bytes[at] === RETURN && bytes[at + 1] !== NEWLINE)) count++;
  }
  return count;
}

/** The place behind the first line break; -1 where there is none. */
function lineEnd(bytes: Buffer, from: number): number {
  const newline = bytes.indexOf(NEWLINE, from);
  const back = bytes.indexOf(RETURN, from);
  if (back === -1 || (newline !== -1 && newline <= back + 1)) return newline === -1 ? -1 : newline + 1;
  return back + 1;
}

function indexOrEnd(bytes: Buffer, byte: number, from: number, end: number): number {
  const found = bytes.indexOf(byte, from);
  return found === -1 || found > end ? end : found;
}

/** The place behind the last whole line: a carriage return at the very end may be half of one's end. */
function lastLineEnd(bytes: Buffer): number {
  const newline = bytes.lastIndexOf(NEWLINE);
  const back = bytes.length < 2 ? -1 : bytes.lastIndexOf(RETURN, bytes.length - 2);
  return Math.max(newline, back) + 1;
}

function isUtf8(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes);
}

/** Writes to a parser until it fails, and waits until it has gone through; some at a time, for it may fail soon. */
async function feed(parser: Parser, bytes: Buffer): Promise<Error | undefined> {
  for (let start = 0; start < bytes.length; start += PIECE) {
    const piece = bytes.subarray(start, start + PIECE);
    const failure = await new Promise<Error | undefined>((resolve) => {
      parser.write(piece, (error) => resolve(error ?? undefined));
    });
    if (failure) return failure;
  }
  return undefined;
}

const PIECE = 2 ** 14;

function finish(parser: Parser): Promise<Error | undefined> {
  return new Promise((resolve) => {
    parser.once('error', resolve);
    parser.once('end', () => resolve(undefined));
    parser.end();
  });
}
