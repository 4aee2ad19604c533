import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** A file of the page. */
export interface PageFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Files of a page by the paths of their addresses. */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** A built page by the paths of its addresses: it is small, and read once. */
export function readPage(folder: string | URL): PageFiles {
  const root = folder instanceof URL ? fileURLToPath(folder) : folder;
  const files = new Map<string, PageFile>();
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const address = name === 'index.html' ? '/' : `/${name.replaceAll('\\', '/')}`;
    // names of assets hold a hash of their contents
    const cache = address.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
    files.set(address, {
      bytes: new Uint8Array(readFileSync(join(root, name))),
      headers: { 'content-type': type, 'cache-control': cache },
    });
  }
  return files;
}
