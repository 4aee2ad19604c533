import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '..');

/** Every published package: its folder and its manifest. */
export function publishedPackages() {
  return readdirSync(join(root, 'packages'))
    .map((name) => ({ folder: join(root, 'packages', name), name }))
    .filter(({ folder }) => existsSync(join(folder, 'package.json')))
    .map(({ folder, name }) => ({
      folder,
      name,
      manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
    }));
}

/**
 * Packs one built package into a tarball, with the licence text beside it.
 *
 * @returns the tarball's path
 */
export function pack(folder, destination) {
  return withLicense(folder, () => {
    const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', destination], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const result = JSON.parse(printed);
    const [entry] = Array.isArray(result) ? result : Object.values(result);
    return join(destination, entry.filename);
  });
}

/** One licence text stands in the repository; a published package needs its own copy while it is packed. */
export function withLicense(folder, work) {
  const copy = join(folder, 'LICENSE');
  copyFileSync(join(root, 'LICENSE'), copy);
  try {
    return work();
  } finally {
    rmSync(copy, { force: true });
  }
}
