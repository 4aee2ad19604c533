import { describe, expect, it } from 'vitest';
import { sendRange, serve } from '../../../core/test/flaky-server.js';
import { httpBytes } from './http.js';

async function drain(...[url, options, range]: Parameters<typeof httpBytes>): Promise<void> {
  for await (const _ of httpBytes(url, { backoff: 1, ...options }, range));
}

describe('httpBytes', () => {
  it('names the shard and what to do: a server that is away, one that refuses, one without parts, a changed file', async () => {
    const unavailable = await serve((_, response) => response.writeHead(503).end());
    await expect(drain(`${unavailable.url}/a.tar?sig=1`, { retries: 2 })).rejects.toMatchObject({
      reason: 'unreachable',
      message: `${unavailable.url}/a.tar: gave up after 3 attempts in a row at byte 0: the server answered 503; check the address and the network, or raise \`retries\` and \`stallTimeout\``,
    });
    const missing = await serve((_, response) => response.writeHead(404).end());
    await expect(drain(missing.url)).rejects.toThrow('expected an answer 200, got 404');
    const whole = await serve((_, response) => response.end('body'));
    await expect(drain(whole.url, {}, { start: 1, end: 2 })).rejects.toThrow('a server that sends parts of files');
    const changed = await serve((request, response, attempt) => {
      const rest = sendRange(request, response, Buffer.from('body'), `"${attempt}"`);
      response.write(rest.subarray(0, 1), () => response.destroy());
    });
    await expect(drain(changed.url)).rejects.toThrow('changed on the server while it was read (ETag "1" became "2")');
    await Promise.all([unavailable, missing, whole, changed].map(({ close }) => close()));
  });
});
