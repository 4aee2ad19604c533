import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { storeZstd } from '../../test/store-zstd.js';
import { tempFolder } from '../../test/temp-folder.js';
import { openBytes } from './open.js';
import { unzstd } from './zstd.js';

const { folder, write } = tempFolder('open');
const content = Buffer.from('line of text\n'.repeat(5000));
/** What `zstd -19` makes of 'diptych' 200 times, with a checksum. */
const compressed = Buffer.from('KLUv/QRodQAAOGRpcHR5Y2gBAG7pL0Z6NHZc', 'base64');

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

describe('openBytes', () => {
  it('reads plain, gzip (several members too) and zstd files', async () => {
    expect(await all(openBytes(write('a.txt', content)))).toEqual(content);
    const twice = Buffer.concat([gzipSync(content), gzipSync(content)]);
    expect(await all(openBytes(write('a.txt.gz', twice)))).toEqual(Buffer.concat([content, content]));
    expect(await all(openBytes(write('a.txt.zst', storeZstd(content))))).toEqual(content);
    expect(await all(openBytes(write('empty.txt', '')))).toEqual(Buffer.alloc(0));
  });

  it('goes by the first bytes: names lie where a server or a browser has unpacked a file, or packed it again', async () => {
    expect(await all(openBytes(write('unpacked.gz', content)))).toEqual(content);
    expect(await all(openBytes(write('packed.txt', gzipSync(content))))).toEqual(content);
    expect(await all(openBytes(write('twice.gz', gzipSync(gzipSync(content)))))).toEqual(content);
    expect(await all(openBytes(write('both.gz', gzipSync(storeZstd(content)))))).toEqual(content);
    const frames = Buffer.concat([storeZstd(content), storeZstd(content)]);
    expect(await all(openBytes(write('frames.zst', frames)))).toEqual(Buffer.concat([content, content]));
    await expect(all(openBytes(write('a.lz4', Uint8Array.of(4, 0x22, 0x4d, 0x18, 0, 0))))).rejects.toThrow(
      'compressed with lz4; only gzip, zstd, bzip2, xz are read',
    );
  });

  it('names files that are missing, folders, damaged or cut short', async () => {
    const reasonOf = (path: string) => all(openBytes(path)).catch((error: { reason: string }) => error.reason);
    expect(await reasonOf(`${folder}/none`)).toBe('missing-file');
    expect(await reasonOf(folder)).toBe('unreadable-file');
    expect(await reasonOf(write('short.gz', gzipSync(content).subarray(0, 60)))).toBe('malformed-archive');
    expect(await reasonOf(write('short.zst', storeZstd(content).subarray(0, 5000)))).toBe('malformed-archive');
    expect(await reasonOf(write('empty.zst', ''))).toBe('malformed-archive');
  });

  it('refuses a zstd window that would take more memory than 128 MiB', async () => {
    const huge = Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0]), storeZstd(content).subarray(6)]);
    await expect(all(openBytes(write('huge.zst', huge)))).rejects.toThrow(/malformed|window|memory/i);
  });
});

describe('unzstd', () => {
  it('decompresses in pieces of any size', async () => {
    for (const size of [1, 7, 1000]) {
      expect(String(await all(unzstd(cut(compressed, size))))).toBe('diptych'.repeat(200));
      expect(await all(unzstd(cut(storeZstd(content), size)))).toEqual(content);
    }
  });
});
