import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { csv, jsonl, type PairSource, parquet, webdataset } from '../src/index.js';
import { makeTar } from './make-tar.js';
import { readAll } from './read-all.js';
import { tempFolder } from './temp-folder.js';

const { write } = tempFolder('reports');

async function seen(source: PairSource) {
  const { records, bad } = await readAll(source);
  return { texts: records.map(({ text }) => text), problems: bad.map(({ message }) => message) };
}

// Situations that users of datasets, pandas, jsonlines and webdataset reported in public.
describe('as people bring it', () => {
  it('tables with the byte order mark of Excel, before a quoted header too', async () => {
    const lines = jsonl(write('bom.jsonl', '\ufeff{"image":"a.jpg","text":"x"}\n'));
    const rows = csv(write('bom.csv', '\ufeff"image","text"\r\na.jpg,"x"\r\n'));
    for (const source of [lines, rows]) expect(await seen(source)).toEqual({ texts: ['x'], problems: [] });
  });

  it('what other tools take for line ends inside of captions: U+2028, U+0085, a zero byte', async () => {
    const text = 'x\u2028y\u0085z';
    const lines = jsonl(write('u.jsonl', `${JSON.stringify({ image: 'a.jpg', text })}\n`));
    expect((await seen(lines)).texts).toEqual([text]);
    expect((await seen(csv(write('z.csv', `image,text\na.jpg,${text}\0\n`)))).texts).toEqual([`${text}\0`]);
  });

  it('captions in one of two columns, with null in the other', async () => {
    const rows = [
      { image: 'a.jpg', text: null, caption: 'c' },
      { image: 'b.jpg', text: 't', caption: null },
    ];
    const lines = jsonl(write('null.jsonl', rows.map((row) => JSON.stringify(row)).join('\n')));
    expect(await seen(lines)).toEqual({ texts: ['c', 't'], problems: [] });
    const columnData = (['image', 'text', 'caption'] as const).map((name) => ({
      name,
      data: rows.map((row) => row[name]),
      type: 'STRING' as const,
    }));
    const table = new Uint8Array(parquetWriteBuffer({ columnData }));
    expect(await seen(parquet(write('null.parquet', table)))).toEqual({ texts: ['c', 't'], problems: [] });
    const tar = await makeTar([
      ['0.png', 'x'],
      ['0.json', '{"text": null, "caption": "c"}'],
    ]);
    expect(await seen(webdataset(write('null.tar', tar)))).toEqual({ texts: ['c'], problems: [] });
  });

  it("the hub's image folders: metadata.jsonl and metadata.csv with file_name", async () => {
    const lines = jsonl(write('metadata.jsonl', '{"file_name":"a.jpg","text":"x"}\n'));
    const rows = csv(write('metadata.csv', 'file_name;caption\na.jpg;x, y\n'));
    expect(await seen(lines)).toEqual({ texts: ['x'], problems: [] });
    expect(await seen(rows)).toEqual({ texts: ['x, y'], problems: [] });
  });

  it('a row index without a name, and columns of one name, as pandas writes them', async () => {
    expect((await seen(csv(write('index.csv', ',image,text,text\n0,a.jpg,x,y\n')))).texts).toEqual(['x']);
  });

  it('values of other types from row to row in fields that nobody reads', async () => {
    const lines = jsonl(
      write('mixed.jsonl', '{"image":"a.jpg","text":"x","n":null}\n{"image":"b.jpg","text":"y","n":[1,"a",{}]}\n'),
    );
    expect(await seen(lines)).toEqual({ texts: ['x', 'y'], problems: [] });
  });

  it('objects over several lines, and several on one: refused with what to do', async () => {
    const pretty = jsonl(write('pretty.json', JSON.stringify({ image: 'a.jpg', text: 'x' }, null, 2)));
    expect((await seen(pretty)).problems[0]).toMatch(/objects that span several lines: write one a line \(jq -c \.\)/);
    const joined = jsonl(write('joined.jsonl', '{"image":"a.jpg","text":"x"}{"image":"b.jpg","text":"y"}\n'));
    expect((await seen(joined)).problems).toHaveLength(1);
  });

  it('gzip with zeros behind it, as tape and block copies have', async () => {
    const packed = Buffer.concat([gzipSync('{"image":"a.jpg","text":"x"}\n'), Buffer.alloc(600)]);
    expect(await seen(jsonl(write('zeros.jsonl.gz', packed)))).toEqual({ texts: ['x'], problems: [] });
  });

  it('shards with names in capitals; with dots in names, and samples that are torn apart, by name', async () => {
    const capitals = await makeTar([
      ['1.JPG', 'x'],
      ['1.TXT', 't'],
      ['2.Png', 'x'],
      ['2.Json', '{"caption":"c"}'],
    ]);
    expect(await seen(webdataset(write('capitals.tar', capitals)))).toEqual({ texts: ['t', 'c'], problems: [] });
    const dots = await makeTar([
      ['22.05.png', 'x'],
      ['22.05.txt', 't'],
    ]);
    expect((await seen(webdataset(write('dots.tar', dots)))).problems[0]).toMatch(/members: \{ image: '05\.png' \}/);
    const torn = await makeTar([
      ['0.png', 'x'],
      ['1.png', 'y'],
      ['0.txt', 't'],
      ['1.txt', 'u'],
    ]);
    const { texts, problems } = await seen(webdataset(write('torn.tar', torn)));
    expect(texts).toEqual([]);
    expect(problems).toHaveLength(4);
    for (const problem of problems) expect(problem).toContain('tar --sort=name');
  });
});
