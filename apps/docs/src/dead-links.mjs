// Links between the pages of a built site: VitePress looks at pages, this at anchors and files as well.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * Every link of the site's pages into the site that leads nowhere.
 *
 * @param folder of the built pages
 */
export function deadLinks(folder) {
  const pages = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.html'))
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
  const read = new Map(pages.map((page) => [page, readFileSync(join(folder, page), 'utf8')]));
  const anchors = new Map([...read].map(([page, html]) => [page, new Set(attribute(html, 'id'))]));
  return [...read].flatMap(([page, html]) =>
    [...new Set(attribute(html, 'href'))].flatMap((href) => {
      const reason = whyDead(href, page, anchors, folder);
      return reason ? [{ page, href, reason }] : [];
    }),
  );
}

function whyDead(href, page, anchors, folder) {
  const { origin, pathname, hash } = new URL(href, `http://site/${page}`);
  if (origin !== 'http://site') return undefined;
  const path = decodeURIComponent(pathname).replace(/\/$/, '/index.html').slice(1);
  const target = [path, `${path}.html`].find((file) => anchors.has(file));
  if (!target) return existsSync(join(folder, path)) ? undefined : 'is no page or file of the site';
  const anchor = decodeURIComponent(hash.slice(1));
  return anchor === '' || anchors.get(target).has(anchor) ? undefined : 'names an anchor that its page does not have';
}

function attribute(html, name) {
  return [...html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, 'g'))].map(([, value]) => value.replaceAll('&amp;', '&'));
}
