import { Readable } from 'node:stream';
import type { QueryOf } from '../api/operations.js';
import { filesOf, type Service } from '../service.js';

/** A browser asks again whether it changed, which costs a look at the file. */
const CACHE = 'private, max-age=60';

/** GET /picture. */
export async function picture(service: Service, { id }: QueryOf<'picture'>, request: Request): Promise<Response> {
  const open = await filesOf(service, '/picture').open(id);
  if (isKnown(request, open.tag)) {
    await open.file.close();
    return new Response(null, { status: 304, headers: { etag: open.tag, 'cache-control': CACHE } });
  }
  const content = open.file.createReadStream({ start: 0, end: Math.max(0, open.size - 1) }); // closes the file
  return new Response(Readable.toWeb(content) as ReadableStream, {
    headers: {
      'content-type': open.type,
      'content-length': String(open.size),
      etag: open.tag,
      'cache-control': CACHE,
      'content-disposition': 'inline',
    },
  });
}

/** GET /thumbnail. */
export async function thumbnail(
  service: Service,
  { id, size }: QueryOf<'thumbnail'>,
  request: Request,
  signal: AbortSignal,
): Promise<Response> {
  const open = await filesOf(service, '/thumbnail').open(id);
  await open.file.close();
  const tag = `${open.tag.slice(0, -1)}-${size}"`;
  const headers = { etag: tag, 'cache-control': CACHE };
  if (isKnown(request, tag)) return new Response(null, { status: 304, headers });
  const bytes = await service.thumbnails.get(open, Number(size), signal);
  return new Response(new Uint8Array(bytes), { headers: { ...headers, 'content-type': 'image/webp' } });
}

/** By RFC 9110: a list, whose tags proxies may have made weak, or any. */
function isKnown(request: Request, tag: string): boolean {
  const known = request.headers.get('if-none-match') ?? '';
  return known.trim() === '*' || known.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}
