import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { repositoryAddress, root } from '../../../tooling/packages.mjs';
import { repositoryLinks } from '../src/repository-links.ts';
import { sidebar } from '../src/sidebar.ts';

/** The search page's, so that there is one. */
const icon = readFileSync(join(root, 'packages/serve/src/page/icon.svg'));

/**
 * The site over the pages of docs/, which stay where they are. Nothing is fetched from elsewhere: fonts and search index are its own.
 *
 * Pages outside of the site's folder find `vue` upwards from where they lie (vuejs/vitepress#4612), so the root depends on it.
 */
export default defineConfig({
  title: 'diptych',
  description: 'Joint image-text encoders in TypeScript: train, search, serve, without Python',
  lang: 'en',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml;base64,${icon.toString('base64')}` }]],
  srcDir: '../../docs',
  outDir: './dist',
  cacheDir: './.vitepress/cache',
  rewrites: { 'decisions/README.md': 'decisions/index.md' },
  ignoreDeadLinks: false,
  metaChunk: true,
  // the usual pair is too pale for its comments
  markdown: {
    config: repositoryLinks,
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
  },
  themeConfig: {
    nav: [
      { text: 'Tutorial', link: '/tutorial' },
      { text: 'How to', link: '/how-to/' },
      { text: 'Concepts', link: '/concepts/' },
      { text: 'Reference', link: '/cli' },
      { text: 'API', link: '/api/' },
    ],
    sidebar,
    outline: { level: [2, 3] },
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repositoryAddress() }],
    externalLinkIcon: true,
  },
});
