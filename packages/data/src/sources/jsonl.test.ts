import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAll } from '../../test/read-all.js';
import { loadImage } from '../load-image.js';
import { jsonl } from './jsonl.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-jsonl-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe('jsonl', () => {
  it('reads pairs with paths from the folder of the file, several captions, ids', async () => {
    const file = write(
      'good.jsonl',
      '\uFEFF{"image": "a/1.jpg", "text": "one"}\r\n\n{"image": "a/1.jpg", "text": ["two", "three"]}\n' +
        '{"image": "2.jpg", "caption": "four", "id": 7}',
    );
    const { records, bad } = await readAll(jsonl(file));
    expect(bad).toEqual([]);
    expect(records).toEqual([
      {
        id: 'a/1.jpg',
        item: 0,
        image: { kind: 'file', path: join(folder, 'a/1.jpg'), root: folder },
        text: 'one',
        origin: { file, line: 1 },
      },
      expect.objectContaining({ id: 'a/1.jpg', item: 2, text: ['two', 'three'], origin: { file, line: 3 } }),
      expect.objectContaining({ id: '7', item: 3, text: 'four' }),
    ]);
  });

  it('reads several files as shards, compressed ones too, in an order by seed', async () => {
    const rows = (n: number) => `{"image": "${n}a.jpg", "text": "x"}\n{"image": "${n}b.jpg", "text": "x"}\n`;
    for (const n of [0, 1, 2]) write(`part-${n}.jsonl.gz`, gzipSync(rows(n)));
    const source = jsonl(join(folder, 'part-{0..2}.jsonl.gz'));
    const { records } = await readAll(source);
    expect(records.map(({ id }) => id)).toEqual(['0a', '0b', '1a', '1b', '2a', '2b'].map((name) => `${name}.jpg`));
    expect(new Set(records.map(({ item }) => item)).size).toBe(6);
    const orders = new Set<string>();
    for (let epoch = 0; epoch < 8; epoch++) {
      orders.add((await readAll(source, { shuffle: true, epoch })).records.map(({ id }) => id).join());
    }
    expect(orders.size).toBeGreaterThan(2);
    const ranks = await Promise.all([0, 1].map((index) => readAll(source, { shard: { index, count: 2 } })));
    expect(ranks.map((rank) => rank.records.length)).toEqual([4, 2]);
    const many = await Promise.all([0, 1, 2, 3].map((index) => readAll(source, { shard: { index, count: 4 } })));
    expect(many.map((rank) => rank.records.length)).toEqual([2, 2, 1, 1]);
  });

  it('rejects bad lines one by one, with line, reason and remedy, and keeps the good ones', async () => {
    const file = write(
      'bad.jsonl',
      Buffer.concat([
        Buffer.from('{"image": "1.jpg", "text": "good"}\n{"image": "1.jpg", "text": \n[1]\n{"text": "x"}\n'),
        Buffer.from('{"image": "1.jpg", "text": "caf\xe9"}\n', 'latin1'),
        Buffer.from(String.raw`{"image": "1.jpg", "text": "\ud83d half"}${'\n'}`),
        Buffer.from('{"image": "1.jpg", "text": 4}\n{"image": "1.jpg", "text": ["", "kept", 3]}\n'),
        Buffer.from(`{"image": "1.jpg", "text": "${'x'.repeat(5000)}"}\n{"image": {}, "text": "x"}\n`),
        Buffer.from('{"image": "../out.jpg", "text": "x"}\n{"image": "/etc/passwd", "text": "x"}\n'),
        Buffer.from('{"image": "http://example.org/1.jpg", "text": "x"}\n{"image": "", "text": "x"}\n'),
        Buffer.from('{"image": "2.jpg", "text": "good"}'),
      ]),
    );
    const { records, bad } = await readAll(jsonl(file, { maxCaptionLength: 100 }));
    expect(records.map(({ text }) => text)).toEqual(['good', 'kept', 'good']);
    expect(bad.map(({ reason, origin }) => [origin.line, reason])).toEqual([
      [2, 'malformed-json'],
      [3, 'wrong-type'],
      [4, 'missing-key'],
      [5, 'invalid-utf8'],
      [6, 'lone-surrogate'],
      [7, 'wrong-type'],
      [8, 'empty-caption'],
      [8, 'wrong-type'],
      [9, 'caption-too-long'],
      [10, 'wrong-type'],
      [11, 'outside-root'],
      [12, 'outside-root'],
      [13, 'remote-image'],
      [14, 'missing-image'],
    ]);
    expect(bad[2]!.message).toBe(
      `${file}:4: expected the key "image", got the keys "text"; add it, or name the right ones: fields: { image, text, id }`,
    );
    await expect(readAll(jsonl(file), { strict: true })).rejects.toThrow(`${file}:2: expected one JSON object`);
  });

  it('skips over a line longer than allowed without holding it', async () => {
    const file = write(
      'long.jsonl',
      `{"image": "1.jpg", "text": "${'x'.repeat(2 ** 20)}"}\n{"image":"2.jpg","text":"b"}\n`,
    );
    const { records, bad } = await readAll(jsonl(file, { maxLineBytes: 1000 }));
    expect(records.map(({ id }) => id)).toEqual(['2.jpg']);
    expect(bad.map(({ reason }) => reason)).toEqual(['line-too-long']);
  });

  it('takes paths outside the root only where allowed, and refuses links that lead out', async () => {
    const root = join(folder, 'root');
    mkdirSync(root);
    write('secret.png', 'x');
    symlinkSync(join(folder, 'secret.png'), join(root, 'link.png'));
    const file = write(
      'root/pairs.jsonl',
      '{"image": "../secret.png", "text": "x"}\n{"image": "link.png", "text": "x"}\n',
    );
    const guarded = await readAll(jsonl(file));
    expect(guarded.bad.map(({ reason }) => reason)).toEqual(['outside-root']);
    const link = guarded.records[0]!;
    await expect(loadImage(link.image, link.origin, 100)).rejects.toMatchObject({ reason: 'outside-root' });
    const open = await readAll(jsonl(file, { allowOutsideRoot: true }));
    for (const { image, origin } of open.records) expect(await loadImage(image, origin, 100)).toHaveLength(1);
    expect(open.records.length).toBe(2);
    expect((await readAll(jsonl(file, { root: folder }))).bad.map(({ reason }) => reason)).toEqual(['outside-root']);
  });

  it('reads other keys on demand, and says so where a file is missing', async () => {
    const file = write('keys.jsonl', '{"img": "1.jpg", "alt": "x", "key": "k"}\n');
    const { records } = await readAll(jsonl(file, { fields: { image: 'img', text: 'alt', id: 'key' } }));
    expect(records).toMatchObject([{ id: 'k', text: 'x' }]);
    const { bad } = await readAll(jsonl([join(folder, 'nowhere.jsonl'), file]));
    expect(bad.map(({ reason }) => reason)).toEqual(['missing-file', 'missing-key']);
  });

  it('reads UTF-16, numbers of Python, keys in objects; says where a list or a comma is in the way', async () => {
    const rows = '\ufeff{"image": "a.png", "score": NaN, "meta": {"title": "größe"}}\r\n';
    const fields = { text: 'meta.title' };
    for (const content of [rows, Buffer.from(rows, 'utf16le'), Buffer.from(rows, 'utf16le').swap16()]) {
      const { records, bad } = await readAll(jsonl(write('unicode.jsonl', content), { fields }));
      expect([records.map(({ text }) => text), bad]).toEqual([['größe'], []]);
    }
    const row = '{"image": "a.png", "text": "t"}';
    const lines = await readAll(jsonl(write('comma.jsonl', `${row}\n${row},\n`)));
    expect(lines.bad[0]!.message).toMatch(/comma.jsonl:2: .*remove the comma after the object/);
    expect(lines.records.length).toBe(1);
    const list = await readAll(jsonl(write('list.json', `\ufeff[\n${row},\n${row.replace('"t"', '1')},\n${row}\n]\n`)));
    expect(list.records.map(({ item, origin }) => [item, origin.row])).toEqual([
      [0, 0],
      [2, 2],
    ]);
    expect(list.bad).toMatchObject([{ reason: 'wrong-type', origin: { row: 1 } }]);
    const broken = await readAll(jsonl(write('broken.json', `[\n${row},\n${row} ${row}\n]`)));
    expect(broken.bad).toMatchObject([{ reason: 'malformed-json', origin: { line: 3 } }]);
  });

  it('takes file URLs, paths of Windows, lists in objects; names addresses that it cannot follow', async () => {
    const row = { image: 'cats\\1.png', sentences: [{ raw: 'one' }, { raw: 'two' }] };
    const file = write('windows.jsonl', JSON.stringify(row));
    const { records } = await readAll(jsonl(pathToFileURL(file).href, { fields: { text: 'sentences.raw' } }));
    expect(records).toMatchObject([{ id: 'cats/1.png', text: ['one', 'two'] }]);
    for (const address of [
      's3://key:secret@bucket/a.jsonl?sig=secret',
      'pipe:aws s3 cp s3://b/a -',
      'hf://datasets/a/b.jsonl',
    ]) {
      expect(() => jsonl(address)).toThrow(/expected a path, or an http\(s\) address/);
      expect(() => jsonl(address)).not.toThrow('secret');
    }
    expect(() => jsonl(undefined as unknown as string)).toThrow(
      'a file name, a pattern, or a list of these, got nothing',
    );
  });
});
