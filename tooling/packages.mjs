import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix, relative, resolve } from 'node:path';

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

/** Every module that users import: its name and source, and with the first of a package its README. */
export function entryPoints() {
  const { paths } = JSON.parse(readFileSync(join(root, 'tsconfig.base.json'), 'utf8')).compilerOptions;
  const sourceOf = (specifier) => {
    if (paths[specifier]) return paths[specifier][0];
    const pattern = Object.keys(paths).find((key) => key.endsWith('*') && specifier.startsWith(key.slice(0, -1)));
    return paths[pattern][0].replace('*', specifier.slice(pattern.length - 1));
  };
  return publishedPackages().flatMap(({ folder, manifest }) => {
    const names = Object.keys(manifest.exports).filter((path) => path !== './package.json');
    return names.map((path, i) => {
      const name = posix.join(manifest.name, path);
      return {
        name,
        package: manifest.name,
        source: resolve(root, sourceOf(name)),
        folder,
        readme: i === 0 ? join(folder, 'README.md') : undefined,
      };
    });
  });
}

/** Where the repository is read in a browser, from the one place that names it: the root's package.json. */
export function repositoryAddress() {
  const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return repository.url.replace(/^git\+/, '').replace(/\.git$/, '');
}

/**
 * Packs one built package into a tarball.
 *
 * @returns the tarball's path
 */
export function pack(folder, destination) {
  return withPublished(folder, (published) => {
    const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', destination], {
      cwd: published,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const result = JSON.parse(printed);
    const [entry] = Array.isArray(result) ? result : Object.values(result);
    return join(destination, entry.filename);
  });
}

/**
 * Runs `work` in a copy of a package as it is published: with the repository's licence text, and with the README's links to other
 * files of the repository as addresses, since those files are not beside it on npm.
 */
export function withPublished(folder, work) {
  const copy = mkdtempSync(join(tmpdir(), 'diptych-publish-'));
  try {
    const { files } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    for (const name of ['package.json', ...files].filter((name) => existsSync(join(folder, name)))) {
      cpSync(join(folder, name), join(copy, name), { recursive: true });
    }
    cpSync(join(root, 'LICENSE'), join(copy, 'LICENSE'));
    const readme = readFileSync(join(folder, 'README.md'), 'utf8');
    writeFileSync(join(copy, 'README.md'), withAbsoluteLinks(readme, relative(root, folder), repositoryAddress()));
    return work(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** A page's links to files of the repository as addresses there; those into the web and into the page itself stay. */
export function withAbsoluteLinks(markdown, folder, address) {
  const link = /(!?)\[([^\]]*)\]\((?!#|[a-z][a-z\d+.-]*:)([^)\s]+)\)/gi;
  return markdown.replaceAll(link, (_, picture, text, path) => {
    const place = picture ? 'raw' : 'blob';
    return `${picture}[${text}](${address}/${place}/main/${posix.join(folder, path)})`;
  });
}
