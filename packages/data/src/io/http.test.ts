import { describe, expect, it } from 'vitest';
import { sendRange, serve } from '../../test/flaky-server.js';
import { type HttpOptions, httpBytes } from './http.js';

const body = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251));

async function download(url: string, options: HttpOptions = {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of httpBytes(url, { backoff: 1, stallTimeout: 600, ...options })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('httpBytes', () => {
  it('goes on where a cut connection stopped', async () => {
    const { url, log, close } = await serve((request, response) => {
      const rest = sendRange(request, response, body);
      response.write(rest.subarray(0, 30_000), () => {
        if (rest.length > 30_000) response.destroy();
        else response.end();
      });
    });
    expect(await download(url)).toEqual(body);
    expect(log.slice(0, 3)).toEqual([undefined, 'bytes=30000-', 'bytes=60000-']);
    await close();
  });

  it('resumes files with a weak ETag', async () => {
    const { url, close } = await serve((request, response, attempt) => {
      const rest = sendRange(request, response, body, 'W/"1"');
      if (attempt === 1) response.write(rest.subarray(0, 30_000), () => response.destroy());
      else response.end(rest);
    });
    expect(await download(url)).toEqual(body);
    await close();
  });

  it('reads from the start up to its place where the server has no ranges', async () => {
    const { url, close } = await serve((_, response, attempt) => {
      response.writeHead(200, { 'content-length': body.length });
      if (attempt === 1) response.write(body.subarray(0, 50_000), () => response.destroy());
      else response.end(body);
    });
    expect(await download(url)).toEqual(body);
    await close();
  });

  it('waits out 503, 429 and stalls', async () => {
    const { url, log, close } = await serve((request, response, attempt) => {
      if (attempt === 1) response.writeHead(503).end();
      else if (attempt === 2) response.writeHead(429, { 'retry-after': '0' }).end();
      else {
        const rest = sendRange(request, response, body);
        if (attempt === 3) response.write(rest.subarray(0, 10));
        else response.end(rest);
      }
    });
    expect(await download(url)).toEqual(body);
    expect(log.length).toBe(4);
    await close();
  });

  it('does not count the time in which the reader is busy as a stall', async () => {
    const { url, log, close } = await serve((request, response) => {
      response.end(sendRange(request, response, body));
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of httpBytes(url, { stallTimeout: 600, retries: 0 })) {
      chunks.push(chunk);
      if (chunks.length === 1) await new Promise((resolve) => setTimeout(resolve, 1200));
    }
    expect(Buffer.concat(chunks)).toEqual(body);
    expect(log.length).toBe(1);
    await close();
  });

  it('gives up with an error that names the place: always 503, always stalled, 404, a changed file', async () => {
    const unavailable = await serve((_, response) => response.writeHead(503).end());
    await expect(download(unavailable.url, { retries: 2 })).rejects.toMatchObject({
      reason: 'unreachable',
      message: `${unavailable.url}: gave up after 3 attempts in a row at byte 0: the server answered 503; check the address and the network, or raise \`retries\` and \`stallTimeout\``,
    });
    expect(unavailable.log.length).toBe(3);
    const stalled = await serve(() => {});
    await expect(download(stalled.url, { retries: 1 })).rejects.toThrow('no byte for 600 ms');
    const missing = await serve((_, response) => response.writeHead(404).end());
    await expect(download(missing.url)).rejects.toThrow('expected an answer 200, got 404');
    expect(missing.log.length).toBe(1);
    const changed = await serve((request, response, attempt) => {
      const rest = sendRange(request, response, body, `"${attempt}"`);
      response.write(rest.subarray(0, 10), () => response.destroy());
    });
    await expect(download(changed.url)).rejects.toThrow('changed on the server');
    const refused = 'http://127.0.0.1:1/';
    await expect(download(refused, { retries: 1 })).rejects.toMatchObject({ reason: 'unreachable' });
    await Promise.all([unavailable, stalled, missing, changed].map(({ close }) => close()));
  });

  it('takes a part of a file: no byte more, and no other part', async () => {
    const part = async (url: string, options: HttpOptions = {}) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of httpBytes(url, { backoff: 1, ...options }, { start: 100, end: 300 }))
        chunks.push(chunk);
      return Buffer.concat(chunks);
    };
    const endless = await serve((_, response) => {
      response.writeHead(206, { 'content-range': `bytes 100-299/${body.length}` });
      const timer = setInterval(() => response.write(body.subarray(100, 250)), 1);
      response.on('close', () => clearInterval(timer));
    });
    expect(await part(endless.url)).toEqual(Buffer.concat([body.subarray(100, 250), body.subarray(100, 150)]));
    const elsewhere = await serve((_, response) => {
      response.writeHead(206, { 'content-range': `bytes 0-199/${body.length}` }).end(body.subarray(0, 200));
    });
    await expect(part(elsewhere.url, { retries: 1 })).rejects.toThrow('the server sent bytes from 0 instead of 100');
    const whole = await serve((_, response) => response.end(body));
    await expect(part(whole.url)).rejects.toThrow('expected a server that sends parts of files');
    await Promise.all([endless, elsewhere, whole].map(({ close }) => close()));
  });

  it('stops at once when aborted', async () => {
    const { url, close } = await serve(() => {});
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    await expect(download(url, { stallTimeout: 60_000, signal: stop.signal })).rejects.toThrow(/abort/i);
    await close();
  });

  it('stops at once when aborted between two chunks, with all bytes here already', async () => {
    const { url, close } = await serve((_, response) => response.end(body.subarray(0, 1000)));
    const stop = new AbortController();
    const chunks = httpBytes(url, { signal: stop.signal });
    expect((await chunks.next()).value).toHaveLength(1000);
    stop.abort();
    await expect(chunks.next()).rejects.toThrow(/abort/i);
    await close();
  });
});
