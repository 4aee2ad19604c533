import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DefaultTheme } from 'vitepress';
import { entryPoints, root } from '../../../tooling/packages.mjs';

const page = (text: string, link: string): DefaultTheme.SidebarItem => ({ text, link });

const guide: DefaultTheme.SidebarItem[] = [
  {
    text: 'Start',
    items: [
      page('What it is', '/'),
      page('Tutorial: your pictures to a search page', '/tutorial'),
      page('Install', '/install'),
    ],
  },
  {
    text: 'How to',
    items: [
      page('All tasks', '/how-to/'),
      page('Train on a table or shards', '/how-to/train-on-a-table'),
      page('Train with few pictures', '/how-to/few-pictures'),
      page('Swap the backbone', '/how-to/swap-the-backbone'),
      page('Write your own fusion', '/how-to/own-fusion'),
      page('Write your own loss', '/how-to/own-loss'),
      page('Write your own optimizer', '/how-to/own-optimizer'),
      page('Parts of your own, saved and sent', '/own-parts'),
      page('Learn labels on pairs', '/how-to/labels'),
      page('Resume and move a run', '/how-to/resume-and-move'),
      page('Embed a folder', '/how-to/embed-a-folder'),
      page('Serve a search page', '/how-to/serve'),
      page('Export to ONNX', '/how-to/export-onnx'),
      page('Search in a vector store', '/how-to/vector-store'),
      page('Find near-duplicates', '/how-to/near-duplicates'),
      page('Work offline', '/how-to/offline'),
      page('Use a GPU', '/how-to/gpu'),
    ],
  },
  {
    text: 'Concepts',
    items: [
      page('In one page', '/concepts/'),
      page('Two towers and a fusion', '/concepts/towers-and-fusion'),
      page('Contrast and temperature', '/concepts/contrast'),
      page('Frozen towers and heads', '/concepts/frozen-towers'),
      page('Recall and what it hides', '/concepts/recall'),
      page('What a run holds', '/concepts/a-run'),
      page('The engine: recorded graphs', '/concepts/engine'),
    ],
  },
  {
    text: 'Coming from',
    items: [
      page('PyTorch', '/coming-from/pytorch'),
      page('open_clip', '/coming-from/open-clip'),
      page('sentence-transformers', '/coming-from/sentence-transformers'),
      page('A candid comparison', '/comparison'),
    ],
  },
  {
    text: 'In earnest',
    items: [
      page("The field's traps", '/traps'),
      page('Sizing', '/sizing'),
      page('Several machines', '/scaling'),
      page('Deployment', '/deployment'),
    ],
  },
  {
    text: 'Reference',
    items: [
      page('Command line', '/cli'),
      page('Data', '/data'),
      page('Preprocessing', '/preprocess'),
      page('Image encoders', '/vision'),
      page('Text encoders', '/text'),
      page('Fusion', '/fusion'),
      page('Training', '/train'),
      page('Metrics', '/metrics'),
      page('Search', '/search'),
      page('Serve', '/serve'),
      page('Training page', '/training-page'),
      page('Checkpoints', '/weights'),
      page('Layers', '/nn'),
      page('XLA', '/pjrt'),
      page('Programs for GPUs', '/gpu'),
      page('TensorFlow', '/tensorflow'),
      page('Vocabulary', '/vocabulary'),
      page('API', '/api/'),
    ],
  },
  {
    text: 'Measured and decided',
    items: [
      page('Recipes', '/recipes'),
      page('Benchmarks', '/benchmarks'),
      page('Parity with PyTorch', '/parity'),
      page('Architecture', '/architecture'),
      page('Engine notes', '/engine-notes'),
      page('Decisions', '/decisions/'),
    ],
  },
];

/** Pages of docs/ that no group names yet: a new page is never without a way to it. */
function others(groups: readonly DefaultTheme.SidebarItem[]): DefaultTheme.SidebarItem[] {
  const named = new Set(groups.flatMap(({ items = [] }) => items.map(({ link }) => link)));
  const items = readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md') && name !== 'index.md' && !named.has(`/${name.slice(0, -3)}`))
    .map((name) => {
      const [, title = name] = /^# (.+)$/m.exec(readFileSync(join(root, 'docs', name), 'utf8')) ?? [];
      return page(title, `/${name.slice(0, -3)}`);
    });
  return items.length > 0 ? [{ text: 'More', items }] : [];
}

/** Where typedoc put the page of each entry point: names that differ in their capitals alone get a number. */
function apiPages(): ReadonlyMap<string, string> {
  const file = join(root, 'docs/api/typedoc-sidebar.json');
  if (!existsSync(file)) return new Map();
  const items = JSON.parse(readFileSync(file, 'utf8')) as { readonly text: string; readonly link: string }[];
  return new Map(items.map(({ text, link }) => [text, link.replace(/\.md$/, '')]));
}

/** Every entry point below its package, in the order of the alphabet. */
function api(): DefaultTheme.SidebarItem[] {
  const pages = apiPages();
  const packages = new Map<string, DefaultTheme.SidebarItem[]>();
  for (const { name, package: owner } of entryPoints()) {
    packages.set(owner, [...(packages.get(owner) ?? []), page(name, pages.get(name) ?? `/api/${name}`)]);
  }
  return [...packages].sort(([a], [b]) => a.localeCompare(b)).flatMap(([, items]) => items);
}

/** Left of every page: the guide, and beside the API its packages. */
export const sidebar: DefaultTheme.SidebarMulti = {
  '/': [...guide, ...others(guide)],
  '/api/': [page('Back to the guide', '/'), { text: 'API', items: api() }],
};
