import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '@diptych/core';
import { createAdaptorServer } from '@hono/node-server';
import { HttpError, problemOf } from '../api/problem.js';
import type { Limits } from '../limits.js';
import { isLoopback } from './check-caller.js';

/** Milliseconds that requests under way have when the server closes. */
const GRACE = 5000;

/** Where to listen. */
export interface ListenOptions {
  /** For messages. */
  readonly where: string;
  readonly host: string;
  readonly port: number;
  readonly limits: Limits;
}

/** @throws ConfigError for what cannot be listened on, or another host than this machine without a token */
export function checkListening(where: string, host: unknown, port: unknown, token: unknown): void {
  if (typeof host !== 'string' || host === '') {
    throw new ConfigError({ where, expected: 'host as a name or address', got: String(host) });
  }
  if (!Number.isInteger(port) || (port as number) < 0 || (port as number) > 65_535) {
    throw new ConfigError({ where, expected: 'port as a whole number from 0 to 65535', got: String(port) });
  }
  if (token !== undefined && (typeof token !== 'string' || !/^[\x21-\x7e]{16,}$/.test(token))) {
    throw new ConfigError({
      where,
      expected: 'token of 16 or more letters, digits and signs without spaces',
      got: typeof token === 'string' ? `one of ${token.length}` : typeof token,
      remedy: `for example ${crypto.randomUUID()}`,
    });
  }
  if (token === undefined && !isLoopback(host)) {
    throw new ConfigError({
      where,
      expected: `a token, as ${host} is reached by other machines`,
      got: 'none',
      remedy: `pass { host, token: '${crypto.randomUUID()}' } (to the command in the variable DIPTYCH_TOKEN), or leave host out`,
    });
  }
}

/**
 * Answers requests over HTTP, with bounds for slow and broken clients.
 *
 * @throws ConfigError where the port is taken, or the host is none of this machine
 */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  options: ListenOptions,
): Promise<{ readonly url: string; readonly port: number; close(): Promise<void> }> {
  const server = createAdaptorServer({
    fetch,
    overrideGlobalObjects: false,
    // how often Node looks for requests that come in too slowly
    serverOptions: { connectionsCheckingInterval: 1000 },
  }) as Server;
  guardConnections(server, options.limits);
  await begin(server, options);
  const { port } = server.address() as AddressInfo;
  const { host } = options;
  const name = host.includes(':') ? `[${host}]` : host;
  return { url: `http://${name}:${port}`, port, close: () => closeServer(server) };
}

/** Slow and broken clients: time for a request to come in, and answers in the same form as others. */
function guardConnections(server: Server, { seconds, requests }: Limits): void {
  server.headersTimeout = Math.min(10, seconds) * 1000;
  server.requestTimeout = seconds * 1000;
  // proxies keep theirs for 60 seconds: who closes first must not be the server, which then drops a request on its way
  server.keepAliveTimeout = 75_000;
  // those above `requests` are told so, up to here
  server.maxConnections = Math.max(1024, requests * 4);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    const parts = { where: 'HTTP', problem: late ? 'the request did not come in in time' : 'it is no request' };
    const problem = problemOf(new HttpError(late ? 408 : 400, parts));
    const body = JSON.stringify(problem);
    socket.end(
      `HTTP/1.1 ${problem.status} ${problem.title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
}

function begin(server: Server, { where, host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(
        new ConfigError(
          {
            where,
            problem: taken ? `port ${port} is taken` : `it cannot listen on ${host}:${port}: ${cause.message}`,
            remedy: taken ? 'choose another port; 0 finds one' : 'check host and port',
          },
          { cause },
        ),
      );
    });
    server.listen({ host, port }, resolve);
  });
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), GRACE);
  await closed;
  clearTimeout(timer);
}
