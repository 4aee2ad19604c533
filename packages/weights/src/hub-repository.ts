import { HubError } from '@diptych/core';
import { checkRelativePath } from './weight-source.js';

/** A file as a hub lists it. */
export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** What its content is checked against; also its name in the cache, as in Python. */
  readonly hash: { readonly kind: 'sha256' | 'git-sha1'; readonly hex: string };
}

/** A model at one commit. */
export interface HubSnapshot {
  readonly commit: string;
  readonly files: ReadonlyMap<string, HubFile>;
}

/** An entry of the hub's file listing, as far as it is used here. */
export interface TreeEntry {
  readonly type: string;
  readonly path: string;
  readonly size: number;
  readonly oid?: string;
  readonly lfs?: { readonly oid: string; readonly size: number };
}

/**
 * Checks what a hub lists; its answers decide which files are written where.
 *
 * Large files are listed with the SHA-256 of their content, small ones with git's hash of it.
 *
 * @throws HubError if hashes or sizes are not what they should be, WeightsError for paths that climb out
 */
export function toSnapshot(where: string, commit: unknown, entries: readonly TreeEntry[]): HubSnapshot {
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit)) {
    throw new HubError({ where, expected: 'a commit hash from the hub', got: JSON.stringify(commit) });
  }
  const files = new Map<string, HubFile>();
  for (const { type, path, size, oid, lfs } of entries) {
    if (type !== 'file') continue;
    checkRelativePath(where, path);
    const hash = lfs ? ({ kind: 'sha256', hex: lfs.oid } as const) : ({ kind: 'git-sha1', hex: oid ?? '' } as const);
    const bytes = lfs?.size ?? size;
    const goodHash = (hash.kind === 'sha256' ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/).test(hash.hex);
    if (!goodHash || !Number.isSafeInteger(bytes) || bytes < 0) {
      throw new HubError({
        where,
        expected: `a size and a hash of ${path} from the hub`,
        got: `${bytes}, ${hash.hex}`,
      });
    }
    files.set(path, { path, size: bytes, hash });
  }
  return { commit, files };
}

/** Where a file of a commit is fetched from. */
export function fileUrl(endpoint: string, repo: string, commit: string, path: string): string {
  return `${endpoint}/${repo}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** What git puts before a file's content when it hashes it. */
export function gitBlobPrefix(size: number): Uint8Array {
  return new TextEncoder().encode(`blob ${size}\0`);
}

/** The error for content that is not what the hub said. */
export function wrongHash(where: string, file: HubFile, got: string): HubError {
  return new HubError({
    where: `${where}/${file.path}`,
    expected: `${file.hash.kind} ${file.hash.hex}`,
    got,
    remedy: 'something on the way changes the file (a proxy?): the download was thrown away; try again',
  });
}
