// The code blocks of the READMEs and docs, in the order of their pages.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../packages.mjs';

/** README.md, those of the packages, and every page of docs. */
export function pages() {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`);
  const docs = readdirSync(join(root, 'docs'), { recursive: true })
    .map((name) => `docs/${name.replaceAll('\\', '/')}`)
    .filter((page) => page.endsWith('.md') && !page.startsWith('docs/api/')) // made of docstrings
    .sort();
  return ['README.md', ...packages, ...docs].filter((page) => existsSync(join(root, page)));
}

/**
 * Every block of a page that is TypeScript or JavaScript. One that cannot stand alone (a signature) is marked `ts ignore` and left out;
 * one that cannot run where it is checked has `<!-- not run: the reason -->` on the line before its fence.
 */
export function blocksOf(page) {
  const text = readFileSync(join(root, page), 'utf8');
  const fence = /(?:^<!-- not run: (.+?) -->\n)?^```(ts|js)\n([\s\S]*?)^```$/gm;
  return [...text.matchAll(fence)].map((match) => {
    const [whole, notRun, language, source] = match;
    const line = text.slice(0, match.index + whole.indexOf('```')).split('\n').length;
    return { page, line, language, source, notRun };
  });
}
