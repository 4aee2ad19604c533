import { basename, resolve, sep } from 'node:path';
import { isRemote, publicName } from '@diptych/core/http';

/** One of a source's files. */
export interface SourceFile {
  /** What is opened: the path or the whole address. */
  readonly path: string;
  /** What messages, ids and states name. */
  readonly name: string;
  /** The shortest name that no other file of the source has: the part below the folder that all files share. */
  readonly label: string;
}

/**
 * The files of a source with labels that tell them apart. A label names the same file in the next run too: it has no
 * signature, and not the folder above all files. Addresses that differ in their queries alone are numbered in the order
 * in which they are given.
 */
export function labelledFiles(files: readonly string[]): SourceFile[] {
  const names = files.map(publicName);
  const places = files.map((file, i) => (isRemote(file) ? names[i]! : resolve(file).split(sep).join('/')));
  const above = commonFolder(places);
  const addresses = new Map<string, Set<string>>();
  return files.map((path, i) => {
    const name = names[i]!;
    const label = places[i]!.slice(above.length);
    if (!isRemote(path)) return { path, name, label };
    const seen = addresses.get(name) ?? new Set();
    addresses.set(name, seen.add(path));
    const number = [...seen].indexOf(path);
    return number === 0 ? { path, name, label } : { path, name: `${name}#${number}`, label: `${label}#${number}` };
  });
}

/** The folders that all paths start with, with a slash at the end; all but the base name of a single path. */
function commonFolder(paths: readonly string[]): string {
  let common = paths[0]!.slice(0, paths[0]!.lastIndexOf('/') + 1);
  for (const path of paths) {
    while (!path.startsWith(common)) common = common.replace(/[^/]*\/$/, '');
  }
  return common;
}

/** A whole path as the way from a folder, with slashes: `cats/1.jpg`; the path itself where it lies elsewhere. */
export function pathBelow(folder: string, path: string): string {
  const start = folder.endsWith(sep) ? folder : folder + sep;
  const way = path.startsWith(start) ? path.slice(start.length) : path;
  return sep === '/' ? way : way.split(sep).join('/');
}

/** A file's last part, for names of sources. */
export function baseName(name: string): string {
  return isRemote(name) ? (name.split('/').findLast((part) => part !== '') ?? name) : basename(name);
}
