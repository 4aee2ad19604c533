import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { sendRange, serve } from '../../test/flaky-server.js';
import { httpBytes } from './http-bytes.js';
import type { HttpOptions } from './http-options.js';

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

  it('gives up with what it met and where: always 503, always stalled, 404, a changed file, nobody there', async () => {
    const unavailable = await serve((_, response) => response.writeHead(503).end());
    await expect(download(unavailable.url, { retries: 2 })).rejects.toMatchObject({
      kind: 'status',
      status: 503,
      attempts: 3,
      position: 0,
      message: 'the server answered 503',
    });
    expect(unavailable.log.length).toBe(3);
    const stalled = await serve(() => {});
    await expect(download(stalled.url, { retries: 1 })).rejects.toThrow('no byte for 600 ms');
    const missing = await serve((_, response) => response.writeHead(404).end());
    await expect(download(missing.url)).rejects.toMatchObject({ kind: 'status', status: 404, isPassing: false });
    expect(missing.log.length).toBe(1);
    const changed = await serve((request, response, attempt) => {
      const rest = sendRange(request, response, body, `"${attempt}"`);
      response.write(rest.subarray(0, 10), () => response.destroy());
    });
    await expect(download(changed.url)).rejects.toMatchObject({ kind: 'changed', position: 10 });
    await expect(download('http://127.0.0.1:1/', { retries: 1 })).rejects.toMatchObject({
      kind: 'connection',
      hasAnswer: false,
    });
    await Promise.all([unavailable, stalled, missing, changed].map(({ close }) => close()));
  });

  it('waits as long as a server asks, but not for ever', async () => {
    const patient = await serve((request, response, attempt) => {
      if (attempt === 1) response.writeHead(429, { 'retry-after': '1' }).end();
      else response.end(sendRange(request, response, body));
    });
    const start = performance.now();
    expect(await download(patient.url)).toEqual(body);
    expect(performance.now() - start).toBeGreaterThan(900);
    const later = new Date(Date.now() + 3_600_000).toUTCString();
    const closed = await serve((_, response) => response.writeHead(503, { 'retry-after': later }).end());
    await expect(download(closed.url)).rejects.toMatchObject({ status: 503, attempts: 1 });
    await Promise.all([patient, closed].map(({ close }) => close()));
  });

  it('sends the user of an address as Basic authorization, and names no user or query in what it throws', async () => {
    const seen: (string | undefined)[] = [];
    const { url, close } = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.end(sendRange(request, response, body));
    });
    const secret = url.replace('//', '//me:p%40ss@');
    expect(await download(`${secret}/a.tar?sig=hush`)).toEqual(body);
    expect(seen).toEqual([`Basic ${Buffer.from('me:p@ss').toString('base64')}`]);
    await close();
    const thrown = [`${secret}/a.tar?sig=hush`, 'http://me:p%40ss@ho st:99999/?sig=hush'].map((address) =>
      download(address, { retries: 0 }).catch((error: unknown) => inspect(error, { depth: 9, showHidden: true })),
    );
    for (const text of await Promise.all(thrown)) expect(text).not.toMatch(/hush|p%40ss|p@ss/);
  });

  it('counts in its own bytes where the server compresses on the way all the same', async () => {
    const packed = gzipSync(body);
    const { url, log, close } = await serve((_, response, attempt) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length });
      if (attempt === 1) response.write(packed.subarray(0, packed.length - 20), () => response.destroy());
      else response.end(packed);
    });
    expect(await download(url)).toEqual(body);
    expect(log).toEqual([undefined, undefined]);
    await close();
  });

  it('refuses patience that is no number', async () => {
    for (const wrong of [{ retries: -1 }, { backoff: Number.NaN }, { stallTimeout: '5' as unknown as number }]) {
      await expect(download('http://127.0.0.1:1/', wrong)).rejects.toThrow(/to be a number from 0 on/);
    }
    const old = { attempts: 3 } as HttpOptions;
    await expect(download('http://127.0.0.1:1/', old)).rejects.toThrow(/expected the options retries, .* got attempts/);
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
    await expect(part(whole.url)).rejects.toMatchObject({ kind: 'no-ranges' });
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
