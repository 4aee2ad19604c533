import { HubError } from '@diptych/core';
import { type HttpFailure, type HttpOptions, publicName, retryingFetch } from '@diptych/core/http';
import type { WheelFile } from './wheel-files.js';

/** The public index. */
const DEFAULT_INDEX = 'https://pypi.org/simple';

/** The index that an installation asks: the option, what pip and uv are told, the public one. */
export function indexAddress(index: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  return (index || env.PIP_INDEX_URL || env.UV_DEFAULT_INDEX || DEFAULT_INDEX).replace(/\/+$/, '');
}

/**
 * The wheels of a distribution, from Python's simple index: as JSON (PEP 691), or as HTML (PEP 503) where the server has no other.
 *
 * @throws HubError if the index cannot be reached, does not know the distribution or answers with something else
 */
export async function wheelsOf(distribution: string, index: string, http: HttpOptions = {}): Promise<WheelFile[]> {
  const url = `${index}/${distribution.toLowerCase().replace(/[-_.]+/g, '-')}/`;
  const where = publicName(url);
  const fetchPage = retryingFetch(http, (failure) => indexError(where, failure));
  const accept = 'application/vnd.pypi.simple.v1+json, text/html;q=0.5';
  const response = await fetchPage(url, { headers: { ...http.headers, accept } });
  const body = await response.text();
  // links count from where the page was found in the end
  const base = response.url || url;
  const files = /json/.test(response.headers.get('content-type') ?? '') ? fromJson(body, base) : fromHtml(body, base);
  if (files) return files;
  throw new HubError({
    where,
    expected: "a page of Python's simple index",
    got: 'something else',
    remedy: 'name another index: --index, or PIP_INDEX_URL',
  });
}

function indexError(where: string, failure: HttpFailure): HubError {
  const remedy =
    failure.status === 404
      ? 'this index does not have it: name another one with --index, or PIP_INDEX_URL'
      : 'see whether the network reaches it, or name another index: --index, or PIP_INDEX_URL';
  return new HubError({ where, problem: failure.message, remedy }, { cause: failure });
}

interface SimplePage {
  readonly files?: readonly {
    readonly filename?: unknown;
    readonly url?: unknown;
    readonly hashes?: { readonly sha256?: unknown };
    readonly size?: unknown;
    readonly yanked?: unknown;
  }[];
}

function fromJson(body: string, base: string): WheelFile[] | undefined {
  let page: SimplePage;
  try {
    page = JSON.parse(body) as SimplePage;
  } catch {
    return undefined;
  }
  if (!Array.isArray(page?.files)) return undefined;
  return page.files.flatMap(({ filename, url, hashes, size, yanked }) => {
    const sha256 = hashes?.sha256;
    if (typeof filename !== 'string' || typeof url !== 'string' || typeof sha256 !== 'string') return [];
    const isYanked = yanked === true || typeof yanked === 'string';
    return [{ filename, url: new URL(url, base).href, sha256, isYanked, ...(typeof size === 'number' && { size }) }];
  });
}

/** Anchors whose text is a file's name and whose fragment is its hash. */
function fromHtml(body: string, base: string): WheelFile[] | undefined {
  const anchors = [...body.matchAll(/<a\s([^>]*)>\s*([^<]+?)\s*<\/a>/gi)];
  if (anchors.length === 0) return undefined;
  return anchors.flatMap(([, attributes = '', filename = '']) => {
    const href = /href\s*=\s*["']([^"']+)["']/i.exec(attributes)?.[1]?.replaceAll('&amp;', '&');
    const sha256 = /#sha256=([0-9a-f]{64})/i.exec(href ?? '')?.[1];
    if (href === undefined || sha256 === undefined) return [];
    const url = new URL(href, base);
    url.hash = '';
    return [{ filename, url: url.href, sha256, isYanked: /data-yanked/i.test(attributes) }];
  });
}
