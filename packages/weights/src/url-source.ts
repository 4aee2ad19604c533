import { ConfigError, checkOptions, HubError, type OptionNames, WeightsError } from '@diptych/core';
import { HttpFailure, httpBytes, isRemote, publicName, type RetryOptions } from '@diptych/core/http';
import { throttledProgress } from './download.js';
import type { DownloadProgress } from './hub-options.js';
import { openCache, type ResponseCache } from './response-cache.js';
import { parseSafetensors } from './safetensors.js';
import { checkRelativePath, missingFile, type WeightSource } from './weight-source.js';

/** What is known of a file before it is fetched. */
export interface ListedFile {
  readonly bytes: number;
  /** Of its content, in hexadecimal digits. */
  readonly sha256: string;
}

/** Options of {@link urlSource}. */
export interface UrlSourceOptions {
  /** All files by their paths, as a server of files cannot list them: what is fetched is checked against it. */
  readonly files?: Readonly<Record<string, ListedFile>>;
  /** Where files with a known content are kept: by default the browser's Cache API, `false` for nowhere. Node has none. */
  readonly cache?: ResponseCache | false;
  /** Called as bytes arrive, at most about ten times a second for each file, and at its end. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** How failed requests are repeated. Default: twice. */
  readonly retry?: RetryOptions;
  /** In place of the global `fetch`, for proxies and headers of your own. */
  readonly fetch?: typeof fetch;
}

const OPTIONS: OptionNames<UrlSourceOptions> = {
  files: 'optional',
  cache: 'optional',
  onProgress: 'optional',
  retry: 'optional',
  fetch: 'optional',
};
const RETRIES = 2;
/** Begins a file of git that stands for one elsewhere. */
const LFS_POINTER = 'version https://git-lfs';

/**
 * A folder of files on any web server. The query of the address (a signature) goes with each file's.
 *
 * @param address of the folder, with a slash at its end or without; in browsers it may count from the page
 * @throws ConfigError for what is no such address; methods throw WeightsError for a file that is not there or not what was
 *   expected, HubError if it cannot be fetched
 */
export function urlSource(address: string | URL, options: UrlSourceOptions = {}): WeightSource {
  const where = 'weights.urlSource';
  const base = folderAddress(where, address);
  checkOptions(where, options, OPTIONS);
  const { files } = options;
  const name = publicName(base.href).replace(/\/$/, '');
  const paths = files && Object.keys(files).sort();
  for (const path of paths ?? []) checkRelativePath(name, path);

  const read = async (path: string): Promise<Uint8Array> => {
    checkRelativePath(name, path);
    const listed = files && (Object.hasOwn(files, path) ? files[path] : undefined);
    if (paths && !listed) throw missingFile(source, path, paths);
    const url = new URL(path.split('/').map(encodeURIComponent).join('/'), base);
    url.search = base.search;
    const file = { where: `${name}/${path}`, path, url, listed };
    const cache = listed && options.cache !== false ? (options.cache ?? (await openCache())) : undefined;
    const key = listed && `${publicName(url.href)}?sha256=${listed.sha256}`;
    const kept = key && (await cache?.match(key));
    if (kept) {
      const bytes = new Uint8Array(await kept.arrayBuffer());
      if (bytes.length === listed.bytes) return bytes;
    }
    const bytes = await fetchFile(file, name, options);
    // A full disk or a private window only means that the file is fetched again next time.
    if (cache && key) await cache.put(key, new Response(bytes)).catch(() => {});
    return bytes;
  };
  const source: WeightSource = {
    name,
    async list() {
      if (paths) return paths;
      throw new WeightsError({
        where: name,
        problem: 'a web server does not say which files there are',
        remedy: "name them: urlSource(address, { files: { 'config.json': { bytes, sha256 }, … } })",
      });
    },
    read,
    openTensors: async (path) => parseSafetensors(await read(path), `${name}/${path}`),
  };
  return source;
}

function folderAddress(where: string, address: string | URL): URL {
  const page = globalThis.location?.href;
  const isText = typeof address === 'string' && address !== '';
  if ((isText || address instanceof URL) && URL.canParse(address, page)) {
    const url = new URL(address, page);
    if (isRemote(url.href)) {
      if (!url.pathname.endsWith('/')) url.pathname += '/';
      url.hash = '';
      return url;
    }
  }
  throw new ConfigError({
    where,
    expected: 'the http: or https: address of a folder',
    got: address === null ? 'null' : isText || address instanceof URL ? publicName(String(address)) : typeof address,
    remedy: "urlSource('https://example.com/models/mine/')",
  });
}

interface WantedFile {
  readonly where: string;
  readonly path: string;
  readonly url: URL;
  readonly listed: ListedFile | undefined;
}

async function fetchFile(
  file: WantedFile,
  source: string,
  options: UrlSourceOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { where, path, url, listed } = file;
  const pieces: Uint8Array[] = [];
  const whole = listed && new Uint8Array(listed.bytes);
  const report = listed && throttledProgress(options.onProgress, source, path, listed.bytes);
  let size = 0;
  const http = { retries: RETRIES, ...options.retry, ...(options.fetch && { fetch: options.fetch }) };
  const onAnswer = (headers: Headers) => {
    if (/^text\/html\b/i.test(headers.get('content-type') ?? '')) throw aPage(where);
  };
  try {
    // What a server says of the length is that of compressed bytes where it compresses; what is listed counts.
    const range = { isVerified: listed !== undefined, onAnswer, ...(listed && { size: listed.bytes }) };
    for await (const piece of httpBytes(url.href, http, range)) {
      if (listed && size + piece.length > listed.bytes)
        throw otherContent(where, listed, 'more bytes', pieces[0] ?? piece);
      if (whole) whole.set(piece, size);
      else pieces.push(piece);
      size += piece.length;
      report?.(size);
    }
  } catch (failure) {
    if (!(failure instanceof HttpFailure)) throw failure;
    if (listed && whole && size > 0 && failure.hasAnswer && failure.kind === 'connection')
      throw otherContent(where, listed, `${size} bytes (${failure.message})`, whole.subarray(0, size), failure);
    throw explain(where, url, failure);
  }
  const bytes =
    whole ?? (new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()) as Uint8Array<ArrayBuffer>);
  if (listed && size < listed.bytes) throw otherContent(where, listed, `${size} bytes`, bytes.subarray(0, size));
  if (isPage(bytes)) throw aPage(where);
  if (!listed) {
    if (textAt(bytes).startsWith(LFS_POINTER)) throw aPointer(where);
    return bytes;
  }
  const got = await sha256(bytes);
  if (got !== undefined && got !== listed.sha256) throw otherContent(where, listed, `sha256 ${got}`, bytes);
  return bytes;
}

/** Undefined on pages that are not served securely, where browsers have no Web Crypto. */
async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  const digest = await globalThis.crypto?.subtle?.digest('SHA-256', bytes);
  return digest && Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const textAt = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes.subarray(0, 64));
const isPage = (bytes: Uint8Array): boolean => /^\s*<(!doctype html|html[\s>])/i.test(textAt(bytes));

function aPage(where: string): WeightsError {
  return new WeightsError({
    where,
    expected: 'the file',
    got: 'an HTML page',
    remedy:
      'check the address: servers of single-page applications send their page for what is not there, others one to log in',
  });
}

function aPointer(where: string): WeightsError {
  return new WeightsError({
    where,
    expected: 'the file',
    got: 'a pointer of Git LFS',
    remedy: 'serve the file itself: git lfs pull before it is published; GitHub Pages does not serve LFS files',
  });
}

function otherContent(
  where: string,
  { bytes, sha256: expected }: ListedFile,
  got: string,
  content: Uint8Array,
  cause?: unknown,
): WeightsError {
  if (isPage(content)) return aPage(where);
  if (textAt(content).startsWith(LFS_POINTER)) return aPointer(where);
  return new WeightsError(
    {
      where,
      expected: `${bytes} bytes with sha256 ${expected}`,
      got,
      remedy:
        'the files on the server do not belong together, or something on the way changes them: publish the whole folder anew',
    },
    { cause },
  );
}

function explain(where: string, url: URL, failure: HttpFailure): WeightsError | HubError {
  const { status, kind, hasAnswer, message } = failure;
  if (status === 404 || status === 410) {
    const remedy = 'check the address, upper and lower case too, and that the whole folder was published';
    return new WeightsError({ where, expected: 'a file', got: `HTTP ${status}`, remedy }, { cause: failure });
  }
  if (status !== undefined || hasAnswer || kind !== 'connection') {
    return new HubError(
      {
        where,
        problem: `it cannot be fetched: ${message}`,
        remedy:
          status === 401 || status === 403
            ? 'the server wants to know who asks: pass `fetch` with the header it expects'
            : 'try again',
      },
      { cause: failure },
    );
  }
  return new HubError(
    { where, problem: `it cannot be reached: ${message}`, remedy: remedyFor(url) },
    { cause: failure },
  );
}

/** Browsers do not say why a request failed; what can be the reason follows from where the page is. */
function remedyFor(url: URL): string {
  const page = globalThis.location;
  if (page === undefined) return 'check address and network';
  if (page.protocol === 'https:' && url.protocol === 'http:')
    return 'a page of https: may not read from http:: serve the model by https: as well';
  if (page.origin !== url.origin) {
    return `check address and network; the server has to allow other sites' pages: access-control-allow-origin: ${page.origin} (or *) on every file, redirects included`;
  }
  return 'check address and network';
}
