import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { MarkdownEnv, MarkdownRenderer } from 'vitepress';
import { publishedPackages, repositoryAddress, root } from '../../../tooling/packages.mjs';

const packageNames = new Map(publishedPackages().map(({ name, manifest }) => [name, manifest.name]));

/** Pages of packages whose own name is no module, or has modules within. */
const API_PAGES: Record<string, string> = {
  '@diptych/preprocess': '@diptych/preprocess/image.md',
  '@diptych/weights': '@diptych/weights/',
};

/**
 * Where a relative link of a page leads on the site. Pages are written for readers of the repository as well: what is a page of the site
 * leads there, a package's README to the page of its API, any other file to the repository in the web.
 *
 * @param page the page's path in the repository
 * @throws where there is no such file
 */
export function siteLink(page: string, href: string): string {
  if (/^([a-z][a-z\d+.-]*:|#|\/)/i.test(href)) return href;
  const [to = '', anchor] = href.split('#');
  const path = posix.join(posix.dirname(page), decodeURI(to));
  const file = join(root, path);
  if (!existsSync(file)) throw new Error(`${page}: the link ${href} leads to ${path}, which is not there`);
  const hash = anchor === undefined ? '' : `#${anchor}`;
  const isFolder = statSync(file).isDirectory();
  if (path.startsWith('docs/') && isFolder) return `/${path.slice('docs/'.length).replace(/\/?$/, '/')}${hash}`;
  if (path.startsWith('docs/') && path.endsWith('.md')) {
    return `/${path.slice('docs/'.length).replace(/README\.md$/, '')}${hash}`;
  }
  const [, name] = /^packages\/([^/]+)(?:\/|\/README\.md)?$/.exec(path) ?? [];
  const packageName = name && packageNames.get(name);
  if (packageName) return `/api/${API_PAGES[packageName] ?? `${packageName}.md`}${hash}`;
  return `${repositoryAddress()}/${isFolder ? 'tree' : 'blob'}/main/${path}${hash}`;
}

/** A drawing as part of the page, so that it has the page's colours, light or dark; by itself it has its own. */
export function inlineDrawing(file: string, text: string): string {
  const svg = readFileSync(file, 'utf8')
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/<title>[\s\S]*?<\/title>/, '');
  const label = text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
  const drawing = svg.replace('<svg', `<svg class="drawing" role="img" aria-label="${label}"`);
  // on a phone it scrolls
  return `<span class="drawing-frame" tabindex="0">${drawing.replaceAll(/\n\s*/g, ' ')}</span>`;
}

/** Links and drawings of all pages. */
export function repositoryLinks(md: MarkdownRenderer): void {
  md.core.ruler.push('repository-links', ({ tokens, env }: { tokens: Token[]; env: MarkdownEnv }) => {
    const page = `docs/${env.relativePath}`;
    if (page.startsWith('docs/api/')) return;
    const source = page === 'docs/decisions/index.md' ? 'docs/decisions/README.md' : page;
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === 'link_open' ? token.attrGet('href') : null;
      if (href !== null) token.attrSet('href', siteLink(source, href));
      const src = token.type === 'image' ? token.attrGet('src') : null;
      if (src?.endsWith('.svg')) {
        token.type = 'html_inline';
        token.content = inlineDrawing(join(root, posix.dirname(source), src), token.content);
      }
    }
  });
}

interface Token {
  type: string;
  content: string;
  children: Token[] | null;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}
