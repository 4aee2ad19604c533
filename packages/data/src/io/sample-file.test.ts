import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { sendRange, serve } from '../../../core/test/flaky-server.js';
import { tempFolder } from '../../test/temp-folder.js';
import { sampleFile } from './sample-file.js';

const { write } = tempFolder('sample-file');
const size = 400_000;
const data = (last: number) => {
  const bytes = Buffer.alloc(size, 'diptych');
  bytes[size - 1] = last;
  return bytes;
};

/** The digest of bytes behind a server of one kind, and how often it was asked. */
async function remote(
  bytes: Buffer,
  answer: (request: IncomingMessage, response: ServerResponse, bytes: Buffer) => void = (request, response) =>
    response.end(sendRange(request, response, bytes)),
) {
  const { url, log, close } = await serve((request, response) => answer(request, response, bytes));
  const digest = await sampleFile(`${url}/pairs.tar?sig=${Math.random()}`, { backoff: 1, retries: 1 });
  await close();
  return { digest, requests: log };
}

describe('sampleFile', () => {
  it('gives a remote file the digest of its copy here: other data under the same name, size and start has another', async () => {
    for (const bytes of [data(1), data(2), data(1).subarray(0, 100), Buffer.alloc(0)]) {
      expect((await remote(bytes)).digest).toBe(await sampleFile(write('pairs.tar', bytes)));
    }
    const [one, two] = await Promise.all([remote(data(1)), remote(data(2))]);
    expect(one.digest).not.toBe(two.digest);
    expect(one.requests).toEqual(['bytes=0-', 'bytes=167232-232767', 'bytes=334464-399999']);
  });

  it('does not go by ETag and date where it can look', async () => {
    const tagged = (etag: string) => (request: IncomingMessage, response: ServerResponse, bytes: Buffer) => {
      response.setHeader('last-modified', new Date().toUTCString());
      response.end(sendRange(request, response, bytes, etag));
    };
    expect((await remote(data(1), tagged('"a"'))).digest).toBe((await remote(data(1), tagged('"b"'))).digest);
  });

  it('goes by the ETag of a server without parts, and reads to the end where there is none', async () => {
    const whole = (headers: Record<string, string>) => (_: IncomingMessage, response: ServerResponse, bytes: Buffer) =>
      response.writeHead(200, { 'content-length': bytes.length, ...headers }).end(bytes);
    const digest = async (last: number, headers: Record<string, string>) =>
      (await remote(data(last), whole(headers))).digest;
    expect(await digest(1, { etag: '"a"' })).toBe(await digest(1, { etag: '"a"' }));
    expect(await digest(1, { etag: '"a"' })).not.toBe(await digest(2, { etag: '"b"' }));
    for (const headers of [{}, { etag: 'W/"a"' }] as Record<string, string>[]) {
      expect(await digest(1, headers)).toBe(await digest(1, headers));
      expect(await digest(1, headers)).not.toBe(await digest(2, headers));
    }
  });

  it('counts in the bytes that it gets where the server compresses on the way', async () => {
    const packed = (_: IncomingMessage, response: ServerResponse, bytes: Buffer) => {
      const content = gzipSync(bytes);
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': content.length, etag: '"a"' });
      response.end(content);
    };
    expect((await remote(data(1), packed)).digest).not.toBe((await remote(data(2), packed)).digest);
  });
});
