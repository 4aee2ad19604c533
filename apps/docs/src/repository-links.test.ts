import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../../../tooling/packages.mjs';
import { deadLinks } from './dead-links.mjs';
import { inlineDrawing, siteLink } from './repository-links.ts';

it.each([
  ['docs/traps.md', 'recipes.md#frozen-towers', '/recipes.md#frozen-towers'],
  ['docs/how-to/gpu.md', '../pjrt.md', '/pjrt.md'],
  ['docs/architecture.md', 'decisions', '/decisions/'],
  ['docs/vision.md', '../packages/vision/README.md', '/api/@diptych/vision.md'],
  ['docs/deployment.md', '../deploy', 'https://github.com/diptych-js/diptych/tree/main/deploy'],
  ['docs/install.md', '../LICENSE', 'https://github.com/diptych-js/diptych/blob/main/LICENSE'],
  ['docs/install.md', 'https://nodejs.org', 'https://nodejs.org'],
  ['docs/install.md', '#top', '#top'],
])('on %s, %s leads to %s', (page, href, expected) => {
  expect(siteLink(page, href)).toBe(expected);
});

it('refuses a link to a file that is not there, with the page', () => {
  expect(() => siteLink('docs/install.md', 'nowhere.md')).toThrow(/docs\/install\.md: the link nowhere\.md leads to/);
});

it('puts a drawing into the page without its own colours, and says what it shows', () => {
  const svg = inlineDrawing(join(root, 'docs/drawings/engine.svg'), 'a "step"');
  expect(svg).toMatch(
    /^<span class="drawing-frame" tabindex="0"><svg class="drawing" role="img" aria-label="a &quot;step&quot;"/,
  );
  expect(svg).not.toMatch(/<style|\n/);
});

it('finds links of a built site that lead to no page, file or anchor', () => {
  const folder = mkdtempSync(join(tmpdir(), 'diptych-site-'));
  try {
    mkdirSync(join(folder, 'a'));
    writeFileSync(join(folder, 'a/index.html'), '<h2 id="here"></h2><a href="#here"></a><a href="../b.html#gone"></a>');
    writeFileSync(
      join(folder, 'b.html'),
      '<a href="/a/#here"></a><a href="/a/"></a><a href="nowhere.html"></a><a href="https://example.org"></a>',
    );
    expect(deadLinks(folder)).toEqual([
      { page: 'a/index.html', href: '../b.html#gone', reason: expect.stringContaining('anchor') },
      { page: 'b.html', href: 'nowhere.html', reason: expect.stringContaining('no page') },
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
