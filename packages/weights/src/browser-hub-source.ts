import { checkFields, HubError } from '@diptych/core';
import { publicName, retryingFetch } from '@diptych/core/http';
import { download, throttledProgress } from './download.js';
import { hubError } from './hub-error.js';
import { parseHubId } from './hub-id.js';
import { DEFAULT_ENDPOINT, type HubOptions } from './hub-options.js';
import {
  fileUrl,
  gitBlobPrefix,
  type HubFile,
  type HubSnapshot,
  type TreeEntry,
  toSnapshot,
  wrongHash,
} from './hub-repository.js';
import { openCache, type ResponseCache } from './response-cache.js';
import { parseSafetensors } from './safetensors.js';
import { missingFile, type WeightSource } from './weight-source.js';
import { withToken } from './with-token.js';

/** Options of the hub in browsers. */
export interface BrowserHubOptions extends HubOptions {
  /** Where files are kept; by default the Cache API's cache `diptych`, and nothing where there is none. */
  readonly cache?: ResponseCache;
}

/**
 * A model on the hub, with nothing but `fetch`, Web Crypto and the Cache API. Files are checked against the hub's
 * hashes and kept by commit, so they are fetched once; only the small listing is asked for each time.
 *
 * @param id `org/name` or `org/name@revision`
 * @throws ConfigError if the id is malformed; methods throw HubError when a file cannot be had
 */
export function browserHubSource(id: string, options: BrowserHubOptions = {}): WeightSource {
  checkFields('weights.browserHubSource', 'options', options, []);
  const { repo, revision } = parseHubId(id, options.revision);
  const name = `${repo}@${revision}`;
  const endpoint = (options.endpoint ?? DEFAULT_ENDPOINT).replace(/\/+$/, '');
  const base = options.fetch ?? ((input: RequestInfo | URL, init?: RequestInit) => fetch(input, init));
  const asked = withToken(name, endpoint, options.token, base);
  const request = retryingFetch({ ...options.retry, fetch: asked }, (failure, url) => hubError(name, url, failure));
  let snapshot: Promise<HubSnapshot> | undefined;

  const resolve = () => {
    snapshot ??= ask().catch((error) => {
      snapshot = undefined;
      throw error;
    });
    return snapshot;
  };

  async function ask(): Promise<HubSnapshot> {
    const api = `${endpoint}/api/models/${repo}`;
    const info = (await askJson(`${api}/revision/${encodeURIComponent(revision)}`)).body as { sha?: unknown };
    const entries: TreeEntry[] = [];
    for (let url: string | undefined = `${api}/tree/${info.sha}?recursive=true`; url; ) {
      const { body, next } = await askJson(url);
      if (!Array.isArray(body)) throw new HubError({ where: name, expected: 'a list of files from the hub' });
      entries.push(...(body as TreeEntry[]));
      url = next;
    }
    return toSnapshot(name, info.sha, entries);
  }

  async function askJson(url: string): Promise<{ body: unknown; next: string | undefined }> {
    const response = await request(url, { headers: { accept: 'application/json' } });
    const next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    try {
      return { body: await response.json(), next };
    } catch (cause) {
      throw new HubError(
        { where: name, expected: `JSON from ${publicName(url)}`, remedy: 'check the endpoint' },
        { cause },
      );
    }
  }

  async function load(path: string): Promise<Uint8Array> {
    const { commit, files } = await resolve();
    const file = files.get(path);
    if (!file) throw missingFile(source, path, [...files.keys()].sort());
    const url = fileUrl(endpoint, repo, commit, path);
    const cache = options.cache ?? (await openCache());
    const kept = await cache?.match(url);
    if (kept) {
      const bytes = new Uint8Array(await kept.arrayBuffer());
      if (bytes.length === file.size) return bytes;
    }
    const bytes = new Uint8Array(file.size);
    await download({
      where: `${name}/${path}`,
      url,
      size: file.size,
      start: 0,
      write: (piece, position) => bytes.set(piece, position),
      report: throttledProgress(options.onProgress, name, path, file.size),
      fetch: asked,
      retry: options.retry,
    });
    const got = await hashBytes(bytes, file);
    if (got !== undefined && got !== file.hash.hex) throw wrongHash(name, file, got);
    // A full disk or a private window only means that the file is fetched again next time.
    await cache?.put(url, new Response(bytes)).catch(() => {});
    return bytes;
  }

  const source: WeightSource = {
    name,
    list: async () => [...(await resolve()).files.keys()].sort(),
    read: load,
    openTensors: async (path) => parseSafetensors(await load(path), `${name}/${path}`),
  };
  return source;
}

/** The content's hash; undefined on pages that are not served securely, where browsers offer no Web Crypto. */
async function hashBytes(bytes: Uint8Array<ArrayBuffer>, { hash, size }: HubFile): Promise<string | undefined> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return undefined;
  let content = bytes;
  if (hash.kind === 'git-sha1') {
    const prefix = gitBlobPrefix(size);
    content = new Uint8Array(prefix.length + bytes.length);
    content.set(prefix);
    content.set(bytes, prefix.length);
  }
  const digest = await subtle.digest(hash.kind === 'sha256' ? 'SHA-256' : 'SHA-1', content);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
