import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong with one request: an answer, a line cut before the work is done, or after. */
export interface PushTrouble {
  /** In the path. */
  readonly match: string;
  readonly trouble: 'cut-before' | 'cut-after' | { readonly status: number; readonly body?: object };
}

/** The part of the hub that takes uploads: creating, preupload, LFS with its storage, commits. */
export class PushHub {
  readonly troubles: PushTrouble[] = [];
  readonly log: { method: string; path: string; authorization: string | undefined }[] = [];
  /** Repositories with their branches, each a file tree. */
  readonly repositories = new Map<string, { visibility: string; branches: Map<string, Map<string, Buffer>> }>();
  readonly objects = new Map<string, Buffer>();
  readonly messages: string[] = [];
  endpoint = '';
  /** Large files go to another host. */
  storage = '';
  readonly #servers = [0, 1].map(() => createServer((request, response) => void this.#serve(request, response)));

  static async start(): Promise<PushHub> {
    const hub = new PushHub();
    const urls = hub.#servers.map(async (server) => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    [hub.endpoint, hub.storage] = (await Promise.all(urls)) as [string, string];
    return hub;
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(request.url!);
    this.log.push({ method: request.method!, path, authorization: request.headers.authorization });
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const at = this.troubles.findIndex(({ match }) => path.includes(match));
    const [found] = at < 0 ? [] : this.troubles.splice(at, 1);
    const trouble = found?.trouble;
    if (trouble === 'cut-before') {
      response.destroy();
      return;
    }
    if (typeof trouble === 'object') {
      send(response, trouble.status, trouble.body ?? { error: 'no' });
      return;
    }
    const answer = this.#answer(request, path, Buffer.concat(pieces));
    if (trouble === 'cut-after') response.destroy();
    else send(response, answer.status, answer.body);
  }

  #answer(request: IncomingMessage, path: string, body: Buffer): { status: number; body: object } {
    const ok = (value: object) => ({ status: 200, body: value });
    if (path.startsWith('/storage/')) {
      const oid = path.slice('/storage/'.length);
      if (request.headers.authorization)
        return { status: 400, body: { error: 'the storage is no business of tokens' } };
      if (createHash('sha256').update(body).digest('hex') !== oid)
        return { status: 400, body: { error: 'other bytes' } };
      this.objects.set(oid, body);
      return ok({});
    }
    if (request.headers.authorization !== 'Bearer hf_good')
      return { status: 401, body: { error: 'Invalid credentials' } };
    if (path === '/api/validate-yaml') {
      const { content } = JSON.parse(String(body)) as { content: string };
      if (/^license: (mit|apache-2\.0|other)$/m.test(content)) return ok({ warnings: [] });
      return { status: 400, body: { errors: [{ message: '"license" must be one of [mit, apache-2.0, other]' }] } };
    }
    if (path === '/api/repos/create') {
      const { name, organization, visibility, type } = JSON.parse(String(body)) as Record<string, string>;
      const id = `${organization}/${name}`;
      if (organization === 'others')
        return { status: 403, body: { error: "You don't have the rights to create a model under others" } };
      if (this.repositories.has(id)) return { status: 409, body: { error: 'You already created this model repo' } };
      if (type !== 'model') return { status: 400, body: { error: type ?? 'no type' } };
      this.repositories.set(id, { visibility: visibility!, branches: new Map([['main', new Map()]]) });
      return ok({ url: `${this.endpoint}/${id}`, id });
    }
    const batch = /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(path);
    if (batch) {
      const { objects } = JSON.parse(String(body)) as { objects: { oid: string; size: number }[] };
      return ok({
        transfer: 'basic',
        objects: objects.map(({ oid, size }) => ({
          oid,
          size,
          ...(!this.objects.has(oid) && { actions: { upload: { href: `${this.storage}/storage/${oid}` } } }),
        })),
      });
    }
    const [, id = '', what = '', branch = ''] = /^\/api\/models\/([^/]+\/[^/]+)\/(\w+)\/(.+)$/.exec(path) ?? [];
    const repository = this.repositories.get(id);
    if (!repository) return { status: 404, body: { error: 'Repository not found' } };
    if (what === 'branch') {
      if (repository.branches.has(branch)) return { status: 409, body: { error: 'Reference already exists' } };
      repository.branches.set(branch, new Map(repository.branches.get('main')));
      return ok({});
    }
    const tree = repository.branches.get(branch);
    if (!tree) return { status: 404, body: { error: `Invalid rev id: ${branch}` } };
    if (what === 'preupload') {
      const { files } = JSON.parse(String(body)) as { files: { path: string; size: number }[] };
      const mode = ({ path }: { path: string }) => (/\.(safetensors|onnx)$/.test(path) ? 'lfs' : 'regular');
      return ok({ files: files.map((file) => ({ path: file.path, uploadMode: mode(file), shouldIgnore: false })) });
    }
    return this.#commit(tree, String(body));
  }

  #commit(tree: Map<string, Buffer>, body: string): { status: number; body: object } {
    for (const line of body.split('\n')) {
      const { key, value } = JSON.parse(line) as { key: string; value: Record<string, string> };
      if (key === 'header') this.messages.push(value.summary!);
      else if (key === 'file') tree.set(value.path!, Buffer.from(value.content!, value.encoding as 'base64'));
      else if (!this.objects.has(value.oid!)) return { status: 400, body: { error: `no object ${value.oid}` } };
      else tree.set(value.path!, this.objects.get(value.oid!)!);
    }
    const commitOid = createHash('sha1').update(body).digest('hex');
    return {
      status: 200,
      body: { success: true, commitOid, commitUrl: `${this.endpoint}/commit/${commitOid}`, hookOutput: '' },
    };
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
