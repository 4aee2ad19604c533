// What npm shows of a package: where it comes from, and a README whose links work there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withAbsoluteLinks } from '../tooling/packages.mjs';

const root = resolve(import.meta.dirname, '..');

interface Manifest {
  readonly name: string;
  readonly description?: string;
  readonly keywords?: readonly string[];
  readonly repository?: { readonly type: string; readonly url: string; readonly directory?: string };
  readonly homepage?: string;
  readonly bugs?: { readonly url: string };
}

const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
const whole = manifestOf('.');
const folders = readdirSync(join(root, 'packages'))
  .map((name) => `packages/${name}`)
  .filter((folder) => existsSync(join(root, folder, 'package.json')));

describe.each(folders)('%s', (folder) => {
  const manifest = manifestOf(folder);

  it('names the repository, homepage and bugs of the root’s package.json', () => {
    const address = whole.homepage?.replace('#readme', '');
    expect(manifest.repository).toEqual({ ...whole.repository, directory: folder });
    expect(manifest.homepage).toBe(`${address}/tree/main/${folder}#readme`);
    expect(manifest.bugs).toEqual(whole.bugs);
  });

  it('has a description and keywords, so that it is found', () => {
    expect(manifest.description?.length).toBeGreaterThan(20);
    expect(manifest.keywords?.length).toBeGreaterThanOrEqual(3);
  });

  it('links from its README to files that are there', () => {
    const readme = readFileSync(join(root, folder, 'README.md'), 'utf8');
    const published = withAbsoluteLinks(readme, folder, 'https://repository');
    expect(published).not.toMatch(/\]\((?!#|https?:)/);
    for (const [, path] of published.matchAll(/\(https:\/\/repository\/(?:blob|raw)\/main\/([^)#]+)/g)) {
      expect(existsSync(join(root, path!)), path).toBe(true);
    }
  });
});

it('makes links to files absolute and leaves the others', () => {
  const page = '[a](../../docs/a.md#b) ![p](pic.png) [c](#c) [d](https://d.org/e) [m](mailto:a@b.c)';
  expect(withAbsoluteLinks(page, 'packages/x', 'https://r')).toBe(
    '[a](https://r/blob/main/docs/a.md#b) ![p](https://r/raw/main/packages/x/pic.png) [c](#c) [d](https://d.org/e) [m](mailto:a@b.c)',
  );
});
