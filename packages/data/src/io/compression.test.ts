import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  BZIP2,
  BZIP2_OF_100_MB,
  BZIP2_OF_NOTHING,
  CONTENT,
  XZ,
  XZ_BCJ,
  XZ_CRC32,
  XZ_NO_CHECK,
  XZ_OF_1_GIB_DICTIONARY,
  XZ_OF_NOTHING,
} from '../../test/compressed.js';
import { storeZstd } from '../../test/store-zstd.js';
import { decompress } from './compression.js';

async function* inPieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

async function unpacked(bytes: Uint8Array, size?: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of decompress(inPieces(bytes, size))) parts.push(part);
  return Buffer.concat(parts);
}

describe('decompress', () => {
  it.each([
    ['bzip2', BZIP2],
    ['xz', XZ],
    ['xz with CRC32', XZ_CRC32],
    ['xz without a check', XZ_NO_CHECK],
    ['zstd', storeZstd(CONTENT)],
    ['gzip', gzipSync(CONTENT)],
  ])('reads %s: pieces of any size, one after the other, one in another', async (_, packed) => {
    for (const size of [1, 7, 10_000]) expect(await unpacked(packed, size)).toEqual(CONTENT);
    expect(await unpacked(Buffer.concat([packed, packed, packed]))).toEqual(Buffer.concat([CONTENT, CONTENT, CONTENT]));
    expect(await unpacked(gzipSync(packed))).toEqual(CONTENT);
    for (const length of [packed.length - 1, packed.length - 20, 30, 8]) {
      await expect(unpacked(packed.subarray(0, length)), String(length)).rejects.toThrow();
    }
  });

  it('reads files of nothing, and passes zeros and other bytes behind bzip2 over as Python does', async () => {
    for (const nothing of [BZIP2_OF_NOTHING, XZ_OF_NOTHING]) expect(await unpacked(nothing)).toEqual(Buffer.alloc(0));
    expect(await unpacked(Buffer.concat([BZIP2, Buffer.alloc(512)]))).toEqual(CONTENT);
    expect(await unpacked(Buffer.concat([BZIP2, Buffer.from('rest')]))).toEqual(CONTENT);
  });

  it('reads several xz and bzip2 files in turns', async () => {
    const streams = [XZ, XZ, BZIP2, BZIP2].map((packed) => decompress(inPieces(packed, 10)));
    const parts = streams.map((): Uint8Array[] => []);
    const open = new Set(streams.keys());
    for (let turn = 0; open.size > 0; turn = (turn + 1) % streams.length) {
      const { value, done } = await streams[turn]!.next();
      if (done) open.delete(turn);
      else parts[turn]!.push(value);
    }
    for (const part of parts) expect(Buffer.concat(part)).toEqual(CONTENT);
  });

  it('leaves text alone that begins as bzip2 does', async () => {
    const text = Buffer.from('BZhang,a caption\n');
    expect(await unpacked(text)).toEqual(text);
  });

  it('says what it cannot read', async () => {
    await expect(unpacked(XZ_BCJ)).rejects.toThrow('a filter or a check that is not read');
    await expect(unpacked(XZ_OF_1_GIB_DICTIONARY)).rejects.toThrow('a dictionary of more than 64 MiB');
    await expect(unpacked(XZ.subarray(0, -6))).rejects.toThrow('cut short');
    await expect(unpacked(BZIP2.subarray(0, -6))).rejects.toThrow('cut short');
    const damaged = Buffer.from(BZIP2);
    damaged[20]! ^= 255;
    await expect(unpacked(damaged)).rejects.toThrow();
    await expect(unpacked(Buffer.from('PK\u0003\u0004zip'))).rejects.toThrow(
      'zip; only gzip, zstd, bzip2, xz are read',
    );
  });

  it('unpacks a bomb as far as it is read', async () => {
    const bombs = Buffer.concat(Array.from({ length: 1000 }, () => BZIP2_OF_100_MB));
    const before = process.memoryUsage().rss;
    let length = 0;
    for await (const part of decompress(inPieces(bombs))) {
      length += part.length;
      if (length > 60_000_000) break;
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 2 ** 20);
  });

  it('knows the insides of these versions', () => {
    const require = createRequire(import.meta.url);
    const versionOf = (name: string): string => require(`${name}/package.json`).version;
    expect([versionOf('unbzip2-stream'), versionOf('xz-decompress')]).toEqual(['1.4.3', '0.2.3']);
  });
});
