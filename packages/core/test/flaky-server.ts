import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A local HTTP server for a test; `log` holds `range` of each request. */
export async function serve(
  handle: (request: IncomingMessage, response: ServerResponse, attempt: number) => void,
): Promise<{ url: string; log: (string | undefined)[]; close: () => Promise<void> }> {
  const log: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    log.push(request.headers.range);
    handle(request, response, log.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    log,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Answers with the part of `bytes` that the request's range asks for. */
export function sendRange(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  etag = '"1"',
): Uint8Array {
  const [, from, last] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
  const start = Number(from ?? 0);
  const rest = bytes.subarray(start, last ? Number(last) + 1 : bytes.length);
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': rest.length,
    etag,
    ...(from !== undefined && { 'content-range': `bytes ${start}-${start + rest.length - 1}/${bytes.length}` }),
  });
  return rest;
}
