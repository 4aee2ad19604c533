import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * A path from the command line as the person means it: from where they are. npm runs a script in the package's folder and
 * says in INIT_CWD where it was called; what lies in the package's folder alone is still found.
 */
export function userPath(path: string): string {
  const { INIT_CWD } = process.env;
  if (INIT_CWD === undefined) return path;
  const theirs = resolve(INIT_CWD, path);
  if (theirs === resolve(path)) return path;
  return existsSync(theirs) || !existsSync(path) ? theirs : path;
}

/** A tower as a person names it: a folder where there is one, else an id of the hub, or `scratch`. */
export function towerName(name: string): string {
  const path = userPath(name);
  return existsSync(path) || /^[./~]/.test(name) ? path : name;
}
