import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
};

export interface StaticServer {
  /** Without a slash at its end. */
  readonly url: string;
  /** Paths that were asked for, with their queries. */
  readonly asked: string[];
  close(): Promise<void>;
}

export interface StaticOptions {
  /** The path below which the files are. */
  readonly under?: string;
  /** Sent with each answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers before the files do; true if it did. */
  readonly first?: (request: IncomingMessage, response: ServerResponse, path: string) => boolean;
}

/** Any server of static files: no headers of its own but types, no ranges, 404 for what there is not. */
export async function serveFolder(folder: string, options: StaticOptions = {}): Promise<StaticServer> {
  const { under = '', headers = {}, first } = options;
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    const path = decodeURIComponent(new URL(request.url!, 'http://host').pathname);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (first?.(request, response, path)) return;
    const file = join(folder, path.slice(under.length).replace(/\/$/, '/index.html'));
    if (!path.startsWith(`${under}/`) || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('not here');
      return;
    }
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
    response.setHeader('content-length', statSync(file).size);
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${under}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
