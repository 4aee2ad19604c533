import { fileURLToPath } from 'node:url';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { sendRange, serve } from '../../../core/test/flaky-server.js';
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

describe('remote parquet', () => {
  const count = 300;
  const small = {
    name: 'text',
    data: Array.from({ length: count }, (_, i) => `caption ${i}`),
    type: 'STRING',
  } as const;
  const bytes = table(
    [
      { name: 'id', data: Array.from({ length: count }, (_, i) => i), type: 'INT32' },
      {
        name: 'image',
        data: Array.from({ length: count }, (_, i) => new Uint8Array(2000).fill(i)),
        type: 'BYTE_ARRAY',
      },
      small,
      { name: 'other', data: Array.from({ length: count }, (_, i) => `${i}`.repeat(3000)), type: 'STRING' },
    ],
    { rowGroupSize: 128, codec: 'UNCOMPRESSED' },
  );
  const http = { backoff: 1, stallTimeout: 400, retries: 3 };

  it('reads the same records as a local file, of the columns that count, once', async () => {
    let sent = 0;
    const { url, close } = await serve((request, response) => {
      const part = sendRange(request, response, bytes);
      sent += part.length;
      response.end(part);
    });
    const { records, bad } = await readAll(parquet(`${url}/a.parquet`, { http }));
    const local = await readAll(parquet(write('same.parquet', bytes)));
    expect(bad).toEqual([]);
    const content = ({ id, item, text, image }: (typeof records)[number]) => ({ id, item, text, image });
    expect(records.map(content)).toEqual(local.records.map(content));
    expect(bytes.length).toBeGreaterThan(2.5e6);
    expect(sent).toBeLessThan(1.5e6);
    await close();
  });

  it('goes on after a broken connection, 503 and a stall', async () => {
    const { url, log, close } = await serve((request, response, attempt) => {
      if (attempt === 2) return response.writeHead(503).end();
      const part = sendRange(request, response, bytes);
      if (attempt === 3) return response.write(part.subarray(0, 1000));
      if (attempt === 5) return response.write(part.subarray(0, 1000), () => response.destroy());
      return response.end(part);
    });
    const { records, bad } = await readAll(parquet(`${url}/a.parquet`, { http }));
    expect([records.length, bad]).toEqual([count, []]);
    const start = Number(/\d+/.exec(log[4]!)![0]);
    expect(log[5]!.startsWith(`bytes=${start + 1000}-`)).toBe(true);
    await close();
  });

  it('names what cannot be read, and goes on with the next file', async () => {
    const servers = await Promise.all([
      serve((_, response) => response.writeHead(404).end()),
      serve((_, response) => response.writeHead(503).end()),
      serve((_, response) => response.end(bytes)),
      serve((request, response) => response.end(sendRange(request, response, bytes.subarray(0, bytes.length - 20)))),
      serve((request, response, attempt) => response.end(sendRange(request, response, bytes, `"${attempt}"`))),
      serve((_, response) => response.writeHead(206, { 'content-range': 'bytes 0-0/*' }).end('x')),
      serve((request, response) => response.end(sendRange(request, response, bytes))),
    ]);
    const { records, bad } = await readAll(
      parquet(
        servers.map(({ url }) => `${url}/x.parquet`),
        { http: { ...http, retries: 1 } },
      ),
    );
    expect(records.length).toBe(count);
    expect(bad.map(({ reason, message }) => [reason, message.replace(/^.*x\.parquet: /, '')])).toMatchObject([
      ['unreachable', expect.stringContaining('got 404')],
      ['unreachable', expect.stringContaining('the server answered 503')],
      ['unreachable', expect.stringContaining('a server that sends parts of files')],
      ['malformed-parquet', expect.stringContaining('a whole footer')],
      ['unreachable', expect.stringContaining('changed on the server')],
      ['unreachable', expect.stringContaining("the file's size in Content-Range, got bytes 0-0/*")],
    ]);
    await Promise.all(servers.map(({ close }) => close()));
  });

  it('stops at once when aborted', async () => {
    const { url, close } = await serve(() => {});
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    const source = parquet(`${url}/a.parquet`, { http: { ...http, stallTimeout: 60_000 } });
    await expect(readAll(source, { signal: stop.signal })).rejects.toThrow(/abort/i);
    await close();
  });
});
