import { existsSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isRemote, publicName } from '@diptych/core/http';
import { DataError } from '../data-error.js';
import type { Origin } from '../origin.js';
import type { ImageRef } from '../record.js';

/** Where the image paths of a source may lead. */
export interface PathOptions {
  /** Folder that relative paths start from and that no path may leave; the folder of the source's file by default. */
  readonly root?: string;
  /** Takes paths that leave the root: absolute ones, `../`, and links that point out of it. */
  readonly allowOutsideRoot?: boolean;
}

/** The folder that a source's paths start from. */
export function rootOf(file: string, { root }: PathOptions): string {
  return resolve(root ?? (isRemote(file) ? '.' : dirname(file)));
}

/** True if `path` is `root` or lies below it; both absolute. */
export function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/**
 * A path as written in a data file as a reference to the image. Whether a link leads out of the root is checked when
 * the file is read.
 *
 * @throws DataError `outside-root`, `remote-image` or `missing-image`
 */
export function imageAt(
  path: string,
  root: string,
  origin: Origin,
  allowOutsideRoot = false,
): Extract<ImageRef, { kind: 'file' }> {
  if (path === '' || path.includes('\0')) {
    throw new DataError('missing-image', origin, {
      expected: 'the path of an image',
      got: path === '' ? 'an empty string' : 'a path with a zero byte',
      remedy: 'write the path or remove the pair',
    });
  }
  if (isRemote(path)) {
    throw new DataError('remote-image', origin, {
      expected: 'the path of a local image',
      got: clip(publicName(path)),
      remedy: 'download the images first, or pack them into tar shards, which may be remote',
    });
  }
  const isPlain = PLAIN_PATH.test(path);
  const absolute = isPlain
    ? (root.endsWith(sep) ? root : root + sep) + path
    : resolve(root, pathHere(path, root, origin));
  if (allowOutsideRoot) return { kind: 'file', path: absolute };
  if (!isPlain && !isInside(root, absolute)) throw outsideRoot(clip(path), root, origin);
  return { kind: 'file', path: absolute, root };
}

/** A way into the root and nothing else, which most are: resolving takes a fifth of a line's time. */
const PLAIN_PATH = sep === '/' ? /^(?:[^/\\.\0][^/\\\0]*\/)*[^/\\.\0][^/\\\0]*$/ : /^(?!)/;

/** A path of Windows (`cats\\1.jpg`) elsewhere, unless there is a file of this very name; of a file URL its path. */
function pathHere(path: string, root: string, origin: Origin): string {
  if (path.startsWith('file://')) return fromFileUrl(path, origin);
  if (sep !== '/' || !path.includes('\\') || existsSync(resolve(root, path))) return path;
  return path.replaceAll('\\', '/');
}

/** The refusal of a path that leaves the data root. */
export function outsideRoot(path: string, root: string, origin: Origin): DataError {
  return new DataError('outside-root', origin, {
    expected: `an image inside ${root}`,
    got: path,
    remedy:
      'move it there, set `root` to a folder that holds all images, or set allowOutsideRoot: true if you trust the file',
  });
}

function fromFileUrl(url: string, origin: Origin): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new DataError(
      'missing-image',
      origin,
      { expected: 'a path or a file URL', got: clip(url), remedy: 'write a plain path' },
      { cause },
    );
  }
}

function clip(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
