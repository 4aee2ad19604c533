import { fileURLToPath } from 'node:url';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readAll } from '../../test/read-all.js';
import { tempFolder } from '../../test/temp-folder.js';
import { parquet } from './parquet.js';

const { folder, write } = tempFolder('parquet');

type Columns = Parameters<typeof parquetWriteBuffer>[0]['columnData'];
const table = (columnData: Columns, options: Partial<Parameters<typeof parquetWriteBuffer>[0]> = {}) =>
  Buffer.from(parquetWriteBuffer({ columnData, ...options }));

describe('parquet', () => {
  it('reads bytes or paths with captions, over row groups', async () => {
    const count = 300;
    const bytes = table(
      [
        { name: 'id', data: Array.from({ length: count }, (_, i) => i), type: 'INT32' },
        { name: 'image', data: Array.from({ length: count }, (_, i) => Uint8Array.of(i, 1, 2)), type: 'BYTE_ARRAY' },
        { name: 'caption', data: Array.from({ length: count }, (_, i) => `caption ${i}`), type: 'STRING' },
        { name: 'other', data: Array.from({ length: count }, () => 'x'.repeat(100)), type: 'STRING' },
      ],
      { rowGroupSize: 128 },
    );
    const { records, bad } = await readAll(parquet(write('bytes.parquet', bytes)));
    expect(bad).toEqual([]);
    expect(records.length).toBe(count);
    expect(records[299]).toMatchObject({
      id: '299',
      item: 299,
      text: 'caption 299',
      image: { kind: 'bytes', bytes: Uint8Array.of(43, 1, 2) },
      origin: { row: 299 },
    });
    const paths = table([
      { name: 'file', data: ['1.jpg', '../2.jpg'], type: 'STRING' },
      { name: 'text', data: ['one', 'two'], type: 'STRING' },
    ]);
    const read = await readAll(parquet(write('paths.parquet', paths), { fields: { image: 'file' } }));
    expect(read.records).toMatchObject([{ id: '1.jpg', image: { kind: 'file', path: `${folder}/1.jpg` } }]);
    expect(read.bad).toMatchObject([{ reason: 'outside-root', origin: { row: 1 } }]);
  });

  it("reads what Python's pyarrow writes for the hub: structs, lists, zstd, pages of version 2", async () => {
    const file = fileURLToPath(new URL('../../test/__fixtures__/hub.parquet', import.meta.url));
    const { records, bad } = await readAll(parquet(file));
    expect(bad).toEqual([]);
    expect(records.length).toBe(40);
    expect(records[20]).toMatchObject({ id: 'id-20', text: ['grey 20', 'square no. 20'], image: { kind: 'bytes' } });
    expect(records[21]!.text).toBe('only 21');
    expect(records[29]!.image).toMatchObject({ kind: 'file', path: expect.stringMatching(/__fixtures__\/29\.png$/) });
    for (const [i, { image }] of records.entries()) {
      if (image.kind !== 'bytes') continue;
      const { data } = await sharp(image.bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
      expect(data[0]).toBe(i * 6);
    }
  });

  it('rejects rows without picture or caption, invalid UTF-8, missing columns', async () => {
    const bytes = table([
      { name: 'image', data: [Uint8Array.of(1), null, Uint8Array.of(), Uint8Array.of(1)], type: 'BYTE_ARRAY' },
      { name: 'text', data: ['good', 'no image', 'empty image', null], type: 'STRING' },
    ]);
    const { records, bad } = await readAll(parquet(write('rows.parquet', bytes)));
    expect(records.length).toBe(1);
    expect(bad.map(({ reason, origin }) => [origin.row, reason])).toEqual([
      [1, 'missing-key'],
      [2, 'empty-image'],
      [3, 'missing-key'],
    ]);
    const columns: Columns = [
      { name: 'image', data: ['1.jpg', '2.jpg'], type: 'STRING' },
      { name: 'text', data: ['cafe!', 'fine'], type: 'STRING' },
    ];
    const latin = table(columns, { codec: 'UNCOMPRESSED', statistics: false });
    const at = latin.indexOf('cafe!');
    latin[at + 3] = 0xe9;
    const invalid = await readAll(parquet(write('latin.parquet', latin)));
    expect(invalid.bad).toMatchObject([{ reason: 'invalid-utf8', origin: { row: 0 } }]);
    expect(invalid.records).toMatchObject([{ text: 'fine' }]);
    const none = await readAll(parquet(write('none.parquet', latin), { fields: { image: 'picture' } }));
    expect(none.bad[0]!.message).toMatch(/expected a column "picture", got the columns image, text/);
  });

  it('names files that are cut short, empty or something else, and goes on with the next', async () => {
    const whole = table([
      { name: 'image', data: ['1.jpg'], type: 'STRING' },
      { name: 'text', data: ['one'], type: 'STRING' },
    ]);
    const files = [
      write('cut.parquet', whole.subarray(0, whole.length - 20)),
      write('head.parquet', whole.subarray(0, 3)),
      write('empty.parquet', ''),
      write('html.parquet', '<html></html>'),
      write('whole.parquet', whole),
    ];
    const { records, bad } = await readAll(parquet(files));
    expect(records.length).toBe(1);
    expect(bad.map(({ reason }) => reason)).toEqual(Array.from({ length: 4 }, () => 'malformed-parquet'));
    expect((await readAll(parquet(`${folder}/gone.parquet`))).bad).toMatchObject([{ reason: 'missing-file' }]);
  });
});
