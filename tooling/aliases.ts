import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Vitest aliases from tsconfig's `paths`, so that tests see the sources of all packages without a build. */
export function workspaceAliases() {
  const root = resolve(import.meta.dirname, '..');
  const { paths } = JSON.parse(readFileSync(resolve(root, 'tsconfig.base.json'), 'utf8')).compilerOptions as {
    paths: Record<string, [string]>;
  };
  return Object.entries(paths).map(([name, [target]]) => ({
    find: new RegExp(`^${name.replace('*', '([^/]+)')}$`),
    replacement: resolve(root, target.replace('*', '$1')),
  }));
}
