import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to a request; the default is to answer it properly. */
export type Trouble =
  | { status: number; headers?: Record<string, string> }
  /** Sends so many bytes of the body, then breaks the connection. */
  | { cutAfter: number }
  /** Sends the body with one byte changed. */
  | 'corrupt'
  /** Answers with the whole file whatever part was asked for. */
  | 'ignoreRange'
  /** Sends the head and half of the body, then nothing. */
  | 'stall'
  /** Sends the body in small pieces with pauses. */
  | 'trickle'
  | 'redirect';

/** A hub on this machine that speaks as much of the real one's protocol as the sources use, and misbehaves on demand. */
export class FakeHub {
  readonly repo = 'org/model';
  readonly commit = '0123456789abcdef0123456789abcdef01234567';
  /** Troubles of the next requests whose URL contains the key, first come, first served. */
  readonly troubles: { match: string; trouble: Trouble }[] = [];
  readonly requests: { method: string; url: string; range?: string; authorization?: string }[] = [];
  /** When set, requests without this token get 401. */
  token: string | undefined;
  /** Entries a page of the file listing holds. */
  pageSize = 1000;
  readonly files: Record<string, Uint8Array>;
  /** Address, with the port that it has or had. */
  endpoint = '';
  readonly #server: Server;

  private constructor(files: Record<string, Uint8Array>) {
    this.files = files;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(files: Record<string, Uint8Array>): Promise<FakeHub> {
    const hub = new FakeHub(files);
    await new Promise<void>((resolve) => hub.#server.listen(0, '127.0.0.1', resolve));
    hub.endpoint = `http://127.0.0.1:${(hub.#server.address() as AddressInfo).port}`;
    return hub;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Requests for file contents. */
  get downloads() {
    return this.requests.filter(({ url }) => url.includes('/resolve/') || url.includes('/cdn/'));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = decodeURIComponent(request.url!);
    const { range, authorization } = request.headers;
    this.requests.push({ method: request.method!, url, range, authorization });
    const at = this.troubles.findIndex(({ match }) => url.includes(match));
    const trouble = at >= 0 ? this.troubles.splice(at, 1)[0]!.trouble : undefined;
    if (typeof trouble === 'object' && 'status' in trouble) {
      response.writeHead(trouble.status, trouble.headers).end('trouble');
      return;
    }
    if (this.token && authorization !== `Bearer ${this.token}` && !url.startsWith('/cdn/')) {
      response.writeHead(401, { 'x-error-code': 'RepoNotFound' }).end();
      return;
    }
    const [path, query = ''] = url.split('?') as [string, string?];
    const api = `/api/models/${this.repo}`;
    if (path.startsWith(`${api}/revision/`)) this.#info(path.slice(`${api}/revision/`.length), response);
    else if (path === `${api}/tree/${this.commit}`) this.#tree(query, response);
    else if (path.startsWith(`/${this.repo}/resolve/${this.commit}/`)) {
      const file = path.slice(`/${this.repo}/resolve/${this.commit}/`.length);
      if (trouble === 'redirect') {
        // localhost is another origin than 127.0.0.1, as a hub's storage is.
        const location = `${this.endpoint.replace('127.0.0.1', 'localhost')}/cdn/${file}`;
        response.writeHead(302, { location }).end();
      } else this.#file(file, range, trouble, response);
    } else if (path === '/') response.writeHead(200, { 'content-type': 'text/html' }).end('<title>a page</title>');
    else if (path.startsWith('/cdn/')) this.#file(path.slice(5), range, trouble, response);
    else response.writeHead(404, { 'x-error-code': 'RepoNotFound' }).end();
  }

  #info(revision: string, response: ServerResponse): void {
    if (!['main', 'v1.0', 'refs/pr/1', this.commit].includes(revision)) {
      response.writeHead(404, { 'x-error-code': 'RevisionNotFound' }).end();
      return;
    }
    const body = { _id: '1', id: this.repo, sha: this.commit, lastModified: '2024-01-01T00:00:00Z', private: false };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #tree(query: string, response: ServerResponse): void {
    const start = Number(new URLSearchParams(query).get('cursor') ?? 0);
    const entries = Object.entries(this.files).map(([path, content]) => ({
      type: 'file',
      path,
      size: content.length,
      oid: createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex'),
      ...(path.endsWith('.safetensors') && {
        lfs: { oid: createHash('sha256').update(content).digest('hex'), size: content.length, pointerSize: 130 },
      }),
    }));
    const next = start + this.pageSize;
    const link = `<${this.endpoint}/api/models/${this.repo}/tree/${this.commit}?recursive=true&cursor=${next}>; rel="next"`;
    response
      .writeHead(200, { 'content-type': 'application/json', ...(next < entries.length && { link }) })
      .end(JSON.stringify(entries.slice(start, next)));
  }

  #file(path: string, range: string | undefined, trouble: Trouble | undefined, response: ServerResponse): void {
    const whole = this.files[path];
    if (!whole) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
      return;
    }
    const content = trouble === 'corrupt' ? Uint8Array.from(whole, (byte, i) => (i === 3 ? byte ^ 1 : byte)) : whole;
    const start = trouble === 'ignoreRange' ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const body = content.subarray(start);
    const partial = range !== undefined && trouble !== 'ignoreRange';
    response.writeHead(partial ? 206 : 200, {
      'content-length': body.length,
      ...(partial && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    if (typeof trouble === 'object' && 'cutAfter' in trouble) {
      response.write(body.subarray(0, trouble.cutAfter), () => setTimeout(() => response.destroy(), 20));
    } else if (trouble === 'stall') {
      response.write(body.subarray(0, body.length / 2));
    } else if (trouble === 'trickle') {
      let sent = 0;
      const timer = setInterval(() => {
        response.write(body.subarray(sent, sent + body.length / 10));
        sent += body.length / 10;
        if (sent < body.length) return;
        clearInterval(timer);
        response.end();
      }, 30);
    } else response.end(body);
  }
}
