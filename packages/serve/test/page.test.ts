import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openIndex } from '@diptych/search';
import type { JointModel } from 'diptych';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { indexPictures, type RunningServer, serve, writeIndexFacts } from '../src/index.js';
import { EMBED_DIM, writePictures, writeSmallModel } from './small-model.js';

const executablePath = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const HOSTILE = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script> \u202egnp.exe';
const COUNT = 300;

// without Chromium (CHROMIUM_PATH, or apt-get install chromium) there is nothing to look at
describe.skipIf(executablePath === undefined)('the search page', () => {
  let folder: string;
  let model: JointModel;
  let server: RunningServer;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  const requested = new Set<string>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'diptych-page-'));
    model = await writeSmallModel(join(folder, 'model'), true);
    const paths = await writePictures(join(folder, 'pictures'), COUNT);
    const index = await openIndex(join(folder, 'index'), { embedDim: EMBED_DIM });
    const items = paths.map((path, i) => ({
      path,
      captions: [i === 0 ? HOSTILE : `${i % 3 === 0 ? 'red' : 'blue'} round picture ${i}`],
      columns: { number: i, tag: i % 2 === 0 ? 'even' : 'odd' },
    }));
    await indexPictures(index, model, items, { root: join(folder, 'pictures') });
    await index.close();
    await writeIndexFacts(join(folder, 'index'), { pictures: join(folder, 'pictures') });
    server = await serve({
      model,
      index: join(folder, 'index'),
      port: 0,
      pageFolder: resolve(import.meta.dirname, '../dist/page'),
    });
    browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(15_000);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('request', (request) => requested.add(new URL(request.url()).host));
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    model?.dispose();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const status = () => page.getByRole('status');
  const tiles = () => page.getByRole('list', { name: 'Pictures' }).getByRole('listitem');
  const open = async (query = '') => {
    await page.goto(`${server.url}/${query}`);
    await page
      .getByRole('button', { name: /^More like/ })
      .first()
      .waitFor();
  };
  const settled = () => page.locator('.grid[aria-busy="false"]').waitFor();
  /** Captions of the tiles that are there, in order. */
  const captions = () => page.locator('.tile .caption').allTextContents();
  async function violations(): Promise<string[]> {
    await page.evaluate(AXE);
    const found = await page.evaluate(async () => {
      const { axe } = window as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await axe.run()).violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes
            .map(({ html }) => html)
            .join(' ')
            .slice(0, 300)}`,
      );
    });
    return found;
  }

  it('shows all pictures, of which few are in the document, and escapes captions', async () => {
    await open();
    await expect.poll(() => status().textContent()).toBe('300 pictures');
    const there = await tiles().count();
    expect(there).toBeGreaterThan(10);
    expect(there).toBeLessThan(100);
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await expect.poll(() => page.locator('.tile[aria-posinset="300"] img').count()).toBe(1);
    await open(`?q=${encodeURIComponent('red')}&from=2000-01-01`);
    await page.getByLabel('number to').fill('0');
    await expect.poll(() => captions()).toEqual([HOSTILE]);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(await page.locator('.caption bdi').count()).toBe(1);
  });

  it('searches as one types, keeps it in the address, and goes on to more like a result', async () => {
    await open();
    await page.getByLabel('Words to look for').pressSequentially('red -blue');
    await expect.poll(() => page.url()).toContain('q=red+-blue');
    await settled();
    await expect.poll(() => page.locator('.score').first().textContent()).toMatch(/^-?\d\.\d{3}$/);
    const name = (await captions())[3]!;
    await page.locator('.tile').nth(3).locator('.like').click();
    await expect.poll(async () => (await captions())[0]).toBe(name);
    expect(page.url()).toContain('like=');
    await page.locator('.tile').nth(2).locator('.like').click();
    await expect.poll(async () => (await captions())[0]).not.toBe(name);
    await page.goBack();
    await expect.poll(async () => (await captions())[0]).toBe(name);
    await page.reload();
    await expect.poll(async () => (await captions())[0]).toBe(name);
  });

  it('searches by an uploaded picture, and by one that is dropped', async () => {
    await open();
    const file = join(folder, 'pictures/warm/picture 120.png');
    // scores are shown before the results of this search are
    const answered = () => page.waitForResponse((response) => response.url().endsWith('/search'));
    const first = answered();
    await page.getByLabel('Picture to look for').setInputFiles(file);
    await page.getByRole('button', { name: 'Without this picture' }).waitFor();
    await first;
    await settled();
    const uploaded = await captions();
    const without = answered();
    await page.getByRole('button', { name: 'Without this picture' }).click();
    await without;
    const bytes = [...readFileSync(file)];
    await page.evaluate((content) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(content)], 'dropped.png', { type: 'image/png' }));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }));
    }, bytes);
    await expect.poll(() => captions()).toEqual(uploaded);
  });

  it('hides what scores below the cut-off, and explains an empty result', async () => {
    await open('?q=red');
    await expect.poll(() => page.locator('.score').first().textContent()).not.toBe('');
    await page.goto(`${server.url}/?q=red&cut=1`);
    await page.getByText(/All results score below the cut-off/).waitFor();
    await page.getByRole('button', { name: 'Show them anyway' }).click();
    await expect.poll(() => tiles().count()).toBeGreaterThan(5);
    await page.getByText('Filters', { exact: false }).first().click();
    await page.getByLabel('tag').selectOption('odd');
    await page.getByLabel('Folder').selectOption('warm'); // even ones
    await page.getByText('None of 300 pictures passes the filters.').waitFor();
    expect(await violations()).toEqual([]);
    await page.getByRole('button', { name: 'Clear filters' }).last().click();
    await expect.poll(() => tiles().count()).toBeGreaterThan(5);
  });

  it('opens a viewer that the keyboard steers', async () => {
    await open('?q=red');
    const names = await captions();
    await page.locator('.tile .picture').first().focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => dialog.getByRole('heading').first().textContent()).toBe(names[1]);
    expect(page.url()).toContain('open=');
    expect(await violations()).toEqual([]);
    await page.keyboard.press('Escape');
    await expect.poll(() => dialog.count()).toBe(0);
  });

  it('shows where the model looks for each word, or says why it cannot', async () => {
    await open();
    await page.locator('.tile .picture').first().click();
    const looks = page.getByLabel('Show where it looks');
    await page.getByText('Search by words to see where').waitFor();
    expect(await looks.isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
    await open('?q=red+round');
    await page.locator('.tile .picture').first().click();
    await looks.check();
    await page.locator('.attention rect').first().waitFor();
    const parts = () => page.locator('.attention rect').evaluateAll((all) => all.map((one) => one.outerHTML));
    const red = await parts();
    expect(red).toHaveLength(16);
    // the grid lies over the picture, whatever its size on the page
    const [svg, img] = [
      await page.locator('.attention').boundingBox(),
      await page.locator('.viewed img').boundingBox(),
    ];
    for (const side of ['x', 'y', 'width', 'height'] as const) {
      expect(Math.abs(svg![side] - img![side]), side).toBeLessThan(2);
    }
    await page.getByText(/“red” most at the (top|middle|bottom) (left|centre|right), \d+ %/).waitFor();
    await page.getByRole('button', { name: 'round', exact: true }).click();
    await page.getByText(/“round” most at/).waitFor();
    expect(await parts()).not.toEqual(red);
    await page.keyboard.press('ArrowRight');
    await page.locator('.attention rect').first().waitFor();
    expect(await violations()).toEqual([]);
    const plain = await writeSmallModel(join(folder, 'plain'));
    const own = await serve({
      model: plain,
      index: join(folder, 'index'),
      port: 0,
      pageFolder: resolve(import.meta.dirname, '../dist/page'),
    });
    try {
      await page.goto(`${own.url}/?q=red`);
      await page.locator('.tile .picture').first().click();
      await page.getByText('This model sees a picture as one vector').waitFor();
      expect(await looks.isDisabled()).toBe(true);
    } finally {
      await page.goto(server.url); // a page asks its server again and again
      await own.close();
      plain.dispose();
      requested.delete(new URL(own.url).host);
    }
  });

  it('shows how far indexing is, what is not usable, and new pictures', async () => {
    const root = join(folder, 'growing');
    const paths = await writePictures(root, 12);
    writeFileSync(join(root, 'bad.png'), 'no picture');
    let goOn = () => {};
    const gate = new Promise<void>((done) => {
      goOn = done;
    });
    let calls = 0;
    const own = await serve({
      model: {
        embedDim: EMBED_DIM,
        embedText: (texts) => model.embedText(texts),
        embedImages: async (images) => {
          if (++calls > 2) await gate;
          return model.embedImages(images);
        },
      },
      index: join(folder, 'growing.index'),
      indexing: { items: [join(root, 'bad.png'), ...paths].map((path) => ({ path })), root, batchSize: 4 },
      port: 0,
      pageFolder: resolve(import.meta.dirname, '../dist/page'),
    });
    try {
      await page.goto(own.url);
      const bar = page.getByRole('progressbar', { name: 'Indexed' });
      await bar.waitFor();
      await page.getByText(/Indexing: \d+ of 13 pictures/).waitFor();
      expect(await bar.getAttribute('max')).toBe('13');
      expect(await violations()).toEqual([]);
      goOn();
      await page.getByText('Indexed 13 of 13 pictures').waitFor();
      await page.getByText('1 not usable').click();
      await page.getByText('bad.png').first().waitFor();
      await expect.poll(() => status().textContent()).toBe('12 pictures');
      await expect.poll(() => tiles().count()).toBe(12);
      expect(await violations()).toEqual([]);
    } finally {
      goOn();
      await page.goto(server.url);
      await own.close();
      requested.delete(new URL(own.url).host);
    }
  });

  it('folds near duplicates by a switch', async () => {
    await open();
    await page.getByLabel('Fold near duplicates').check();
    await page.locator('.folded').first().waitFor();
    expect(page.url()).toContain('fold=1');
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
    ['dark', 390],
  ] as const)('has no violations of axe in %s at %i pixels', async (colorScheme, width) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    await open('?q=red&from=2000-01-01');
    await expect.poll(() => page.locator('.score').first().textContent()).not.toBe('');
    expect(await violations()).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    if (process.env.DIPTYCH_SCREENSHOTS) {
      mkdirSync(process.env.DIPTYCH_SCREENSHOTS, { recursive: true });
      await page.waitForLoadState('networkidle');
      await page.screenshot({ path: join(process.env.DIPTYCH_SCREENSHOTS, `search-${colorScheme}-${width}.png`) });
    }
  });

  it('asks nobody but its server, and breaks no rule of its policy', () => {
    expect([...requested].filter((host) => host !== '')).toEqual([new URL(server.url).host]);
    expect(problems).toEqual([]);
  });
});
