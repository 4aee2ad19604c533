import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { InputError } from '@diptych/core';
import { decodeImage, imageTransform, transformBatch } from '@diptych/preprocess/image';
import { afterAll, describe, expect, it } from 'vitest';
import { badImages } from './bad-images.js';

const folder = mkdtempSync(join(tmpdir(), 'diptych-bad-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('unusable images get an InputError that names the file and what it is', async () => {
  it.each(await badImages())('$name', async ({ bytes, error }) => {
    const path = join(folder, 'picture.jpg');
    writeFileSync(path, bytes);
    const before = process.memoryUsage().rss;
    const failure = await decodeImage(path).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(InputError);
    expect((failure as InputError).message).toMatch(error);
    expect((failure as InputError).message.startsWith(path)).toBe(true);
    expect((failure as InputError).remedy).toBeTruthy();
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
    await expect(decodeImage(bytes)).rejects.toThrow(error);
    await expect(decodeImage(Readable.from([Buffer.from(bytes)]))).rejects.toThrow(InputError);
  });
});

describe('unusable sources', () => {
  it.each([
    ['a missing file', join(folder, 'none.jpg'), /no such file/],
    ['a directory', folder, /got a directory/],
    ['a device', '/dev/zero', /a device or pipe/],
    ['an address', 'https://example.org/a.jpg', /fetch it first/],
    ['an address as URL', new URL('https://example.org/a.jpg'), /fetch it first/],
    ['a data URL', `data:image/png;base64,${'A'.repeat(500)}`, /fetch it first/],
    ['null', null, /got null/],
    ['a number', 7, /got number/],
    ['a stream of text', Readable.from(['abc', 'def']), /chunks of bytes/],
    ['a stream that fails', Readable.from(failing()), /the stream broke off: connection reset/],
  ])('%s', async (_, source, message) => {
    const failure = await decodeImage(source as string).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(InputError);
    expect((failure as InputError).message).toMatch(message);
  });

  it('are read no further than maxBytes', async () => {
    let chunks = 0;
    async function* endless() {
      for (;;) {
        chunks++;
        yield new Uint8Array(1000);
      }
    }
    await expect(decodeImage(endless(), { maxBytes: 10_000 })).rejects.toThrow(/at most 10000 bytes/);
    expect(chunks).toBe(11);
    await expect(decodeImage(new Uint8Array(11), { maxBytes: 10 })).rejects.toThrow(/at most 10 bytes/);
  });
});

it('transformBatch says which image is bad', async () => {
  const good = { data: new Uint8Array(12), width: 2, height: 2 };
  await expect(transformBatch([good, good, Buffer.from('<html>')], imageTransform('imagenet'))).rejects.toThrow(
    /^image 2 of the batch: .*an HTML page/,
  );
});

async function* failing() {
  yield new Uint8Array(10);
  throw new Error('connection reset');
}
