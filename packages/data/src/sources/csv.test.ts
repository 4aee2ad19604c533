import { describe, expect, it } from 'vitest';
import { readAll } from '../../test/read-all.js';
import { tempFolder } from '../../test/temp-folder.js';
import { csv } from './csv.js';

const { write } = tempFolder('csv');

describe('csv', () => {
  it('reads quoted fields, line breaks in them, empty lines, a byte order mark', async () => {
    const file = write(
      'good.csv',
      '\uFEFFimage,text,id\r\n1.jpg,"one, ""two""\nand three",a\r\n\r\n2.jpg,plain,b\n"3.jpg","quoted",\n',
    );
    const { records, bad } = await readAll(csv(file));
    expect(bad).toEqual([]);
    expect(records.map(({ id, text, origin }) => [id, text, origin.line])).toEqual([
      ['a', 'one, "two"\nand three', 2],
      ['b', 'plain', 5],
      ['3.jpg', 'quoted', 6],
    ]);
  });

  it('reads tabs, other columns, files without a header', async () => {
    const tabs = write('tabs.tsv', 'filepath\ttitle\n1.jpg\ta 5" pipe, long\n');
    const fields = { image: 'filepath', text: 'title' };
    expect((await readAll(csv(tabs, { fields }))).records).toMatchObject([{ text: 'a 5" pipe, long' }]);
    const bare = write('bare.csv', "1.jpg;'a;b'\n");
    const { records } = await readAll(csv(bare, { columns: ['image', 'text'], delimiter: ';', quote: "'" }));
    expect(records).toMatchObject([{ text: 'a;b', item: 0 }]);
    expect(() => csv(bare, { delimiter: '::' })).toThrow('a delimiter of one character');
  });

  it('reads what pandas reads: any line end, quotes in the midst, text behind a closing quote, UTF-16, delimiters', async () => {
    const texts = async (name: string, content: string | Uint8Array) => {
      const { records, bad } = await readAll(csv(write(name, content)));
      expect(bad).toEqual([]);
      return records.map(({ text }) => text);
    };
    const captions = ['a "big" dog', '"whole"', 'one\ntwo', 'left\tright', 'the 5" pipe', 'a,b;c|d'];
    const quoted = (delimiter: string, end: string) =>
      [`image${delimiter}text`, ...captions.map((text) => `a.png${delimiter}"${text.replaceAll('"', '""')}"`)].join(
        end,
      );
    const files = [
      ['q.csv', ','],
      ['q.tsv', '\t'],
      ['q.csv', ';'],
      ['q.txt', '|'],
    ] as const;
    for (const end of ['\n', '\r\n', '\r']) {
      for (const [name, delimiter] of files) expect(await texts(name, quoted(delimiter, end))).toEqual(captions);
    }
    const utf16 = Buffer.from(`\ufeff${quoted('\t', '\r\n')}\r\na.png\tgröße`, 'utf16le');
    expect(await texts('le.csv', utf16)).toEqual([...captions, 'größe']);
    expect(await texts('be.csv', Buffer.from(utf16).swap16())).toEqual([...captions, 'größe']);
    const hand = 'image,text\na.png,the "big" dog\na.png,a 5" pipe\n \na.png,"big" dog\na.png,"say ""hi""" now\n';
    expect(await texts('hand.csv', hand)).toEqual(['the "big" dog', 'a 5" pipe', 'big dog', 'say "hi" now']);
    const spaces = '"image", "text"\na.png, one\na.png, "two, three"\n';
    expect(await texts('spaces.csv', spaces)).toEqual(['one', 'two, three']);
    expect(await texts('trailing.csv', 'image,text\na.png,one,\na.png,two\n')).toEqual(['one', 'two']);
    expect(await texts('twice.csv', 'image,text,text\na.png,one,two\n')).toEqual(['one']);
  });

  it('keeps line numbers over blank lines and line breaks in fields of every kind', async () => {
    const content = 'image,text\r\n\r\na.png,"x\r\ny"\r\n\n\ra.png,"x\ry\nz"\ra.png,last';
    const { records } = await readAll(csv(write('lines.csv', content)));
    expect(records.map(({ origin }) => origin.line)).toEqual([3, 7, 10]);
  });

  it('finds its place again after quotes that are not closed', async () => {
    const row = (i: number) => {
      if (i % 7 === 3) return `${i}.png,"open ${i}`;
      return i % 5 === 0 ? `${i}.png,"a, ""${i}"""` : `${i}.png,c ${i}`;
    };
    const rows = Array.from({ length: 30_000 }, (_, i) => i);
    const { records, bad } = await readAll(csv(write('large.csv', `image,text\n${rows.map(row).join('\n')}\n`)));
    expect(new Set(bad.map(({ reason }) => reason))).toEqual(new Set(['malformed-csv']));
    expect(records.map(({ id }) => Number.parseInt(id, 10))).toEqual(rows.filter((i) => i % 7 !== 3));
  });

  it('a broken quote costs one row, wherever it is', async () => {
    const rows = (broken: string) => `image,text\n1.jpg,one\n${broken}\n3.jpg,three\n4.jpg,"fo\nur"\n5.jpg,five\n`;
    for (const broken of ['2.jpg,"two', '"2.jpg,two', '2.jpg,"two"" more']) {
      const { records, bad } = await readAll(csv(write('broken.csv', rows(broken))));
      expect(records.map(({ text }) => text)).toEqual(['one', 'three', 'fo\nur', 'five']);
      expect(bad.map(({ reason, origin }) => [reason, origin.line])).toEqual([['malformed-csv', 3]]);
    }
    const last = await readAll(csv(write('last.csv', 'image,text\n1.jpg,one\n2.jpg,"two\n')));
    expect(last.records.length).toBe(1);
    expect(last.bad[0]!.message).toMatch(
      /last.csv:3: expected a row, got a quote that is not closed; double the quotes/,
    );
  });

  it('rejects rows of another length, bad bytes, rows and lines too long, missing columns', async () => {
    const file = write(
      'bad.csv',
      Buffer.concat([
        Buffer.from('image,text\n1.jpg\n1.jpg,a,b\n'),
        Buffer.from('1.jpg,caf\xe9\n', 'latin1'),
        Buffer.from(`1.jpg,${'x'.repeat(300)}\n1.jpg,"${'y\n'.repeat(200)}\n2.jpg,good\n1.jpg,\n`),
      ]),
    );
    const { records, bad } = await readAll(csv(file, { maxRowBytes: 200 }));
    expect(records.map(({ text }) => text)).toEqual(['good']);
    expect([...new Set(bad.map(({ reason }) => reason))]).toEqual([
      'malformed-csv',
      'invalid-utf8',
      'line-too-long',
      'empty-caption',
    ]);
    expect(bad.find(({ reason }) => reason === 'malformed-csv')!.message).toMatch(
      /:2: expected 2 fields, as in line 1, got 1/,
    );
    const missing = await readAll(csv(write('missing.csv', 'picture,text\n1.jpg,a\n')));
    expect(missing.bad[0]!.message).toMatch(/expected the key "image", got the keys "picture", "text"/);
  });
});
