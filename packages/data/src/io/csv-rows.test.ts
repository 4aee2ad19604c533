import { describe, expect, it } from 'vitest';
import { type CsvDialect, type CsvRow, readCsvRows } from './csv-rows.js';

const COMMA: CsvDialect = { delimiter: ',', quote: '"', skipSpaces: false };

async function rowsOf(bytes: Buffer, size: number, dialect = COMMA, maxBytes = 1000): Promise<CsvRow[]> {
  async function* chunks() {
    for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
  }
  const rows: CsvRow[] = [];
  for await (const some of readCsvRows(chunks(), dialect, maxBytes)) rows.push(...some);
  return rows;
}

describe('readCsvRows', () => {
  // A quote at the end sends the whole through the parser, where it comes in one chunk.
  const throughParser = async (text: string | Buffer, dialect = COMMA) =>
    (await rowsOf(Buffer.concat([Buffer.from(text), Buffer.from('\n"last"')]), 1e6, dialect)).slice(0, -1);

  it('splits stretches without quotes as the parser does, in pieces of any size', async () => {
    const texts = [
      'a,b\nc,d\n',
      'a,b\r\nc,d\r\n\r\ne,f',
      'a,b\rc,d\r\re,f\r',
      'a\r\r\nb\n\rc\n\n\n  \nd, ,\n,\n',
      'ä,漢字\n😀,é\r\n',
      '\n\n\r\na,b',
      'a,b,\n',
      '',
      '\r',
      `${'x'.repeat(1200)},b\nc,d\n${'y'.repeat(1500)}`,
    ];
    for (const text of texts) {
      const expected = await throughParser(text);
      for (const size of [1, 2, 3, 7, 100, 1e6]) {
        const rows = await rowsOf(Buffer.from(text), size);
        expect([text.slice(0, 40), size, rows]).toEqual([text.slice(0, 40), size, expected]);
      }
    }
  });

  it('does so for random texts with a quoted row here and there', async () => {
    let state = 7;
    const draw = (count: number) => {
      state = (state * 48271) % 2147483647;
      return state % count;
    };
    const parts = ['a', 'bc', 'é', ',', ',', '\n', '\r\n', '\r', ' ', '\n"q, ""r""\nz",s\n'];
    for (let round = 0; round < 150; round++) {
      const text = Array.from({ length: 60 }, () => parts[draw(parts.length)]).join('');
      // without a last line end: what ends one is then no blank row for the parser either
      const expected = await throughParser(text);
      for (const size of [1, 5, 17, 1e6])
        expect([text, await rowsOf(Buffer.from(text), size)]).toEqual([text, expected]);
    }
  });

  it('names rows that are not UTF-8, in stretches without quotes too', async () => {
    const bytes = Buffer.concat([Buffer.from('a,b\n'), Buffer.from([0xe9, 44, 98, 10]), Buffer.from('c,\ufffd\n')]);
    const expected = [
      { line: 1, fields: ['a', 'b'] },
      { line: 2, problem: 'not-utf8' },
      { line: 3, fields: ['c', '\ufffd'] },
    ];
    expect(await rowsOf(bytes, 3)).toEqual(expected);
    expect(await rowsOf(bytes, 100)).toEqual(expected);
  });

  it('takes quotes for letters where it is told to', async () => {
    const dialect = { ...COMMA, quote: null };
    expect(await rowsOf(Buffer.from('a,"b\nc,d"\n'), 4, dialect)).toEqual([
      { line: 1, fields: ['a', '"b'] },
      { line: 2, fields: ['c', 'd"'] },
    ]);
  });
});
