import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tokenizer } from '@diptych/preprocess/text';
import { type ExactIndex, type Hit, openIndex } from '@diptych/search';
import { Bert } from '@diptych/text';
import { compose, JointModel, MultiModalEncoder, normalize, resize, SmallCNN, toTensor } from 'diptych';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StaticServer, serveFolder } from '../../diptych/test/static-server.js';
import { indexPictures, writeStaticSearch } from '../src/index.js';
import { writePictures } from './small-model.js';

const executablePath = [process.env.CHROMIUM_PATH, '/usr/bin/chromium'].find((path) => path && existsSync(path));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const HOSTILE = '<img src=x onerror="window.hacked=1">';
const COUNT = 30;
const EMBED_DIM = 24;

let root: string;
let model: JointModel;
let index: ExactIndex;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'static-search-'));
  const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'red', 'blue', 'round', 'picture', 'a', ...'0123456789'];
  writeFileSync(join(root, 'vocab.txt'), words.join('\n'));
  model = new JointModel({
    encoder: new MultiModalEncoder({
      image: new SmallCNN({ embedDim: EMBED_DIM, imageSize: 16, channels: [4, 8], seed: 1 }),
      text: new Bert(
        { vocabSize: words.length, hiddenSize: 64, numLayers: 1, numHeads: 2, intermediateSize: 128, maxPositions: 32 },
        { embedDim: EMBED_DIM, seed: 2 },
      ),
    }),
    transform: compose([resize([16, 16], 'bicubic'), toTensor(), normalize('imagenet')]),
    tokenizer: tokenizer(join(root, 'vocab.txt')),
    tokenize: { maxLength: 16 },
  });
  const paths = await writePictures(join(root, 'photos'), COUNT);
  index = await openIndex(join(root, 'index'), { embedDim: EMBED_DIM });
  const items = paths.map((path, i) => ({
    path,
    captions: [i === 0 ? HOSTILE : `${i % 3 === 0 ? 'red' : 'blue'} round picture ${i}`],
    columns: { tag: i % 2 === 0 ? 'even' : 'odd' },
  }));
  await indexPictures(index, model, items, { root: join(root, 'photos') });
}, 120_000);
afterAll(async () => {
  await index?.close();
  model?.dispose();
  rmSync(root, { recursive: true, force: true });
});

const write = (name: string, options = {}) =>
  writeStaticSearch(join(root, name), { model, index, pictures: join(root, 'photos'), ...options });

describe('writeStaticSearch', () => {
  it('writes a page, and leaves out pictures that cannot be read, with what their files said', async () => {
    const bad: string[] = [];
    const report = await write('partly', {
      pictures: join(root, 'elsewhere'),
      onBad: (path: string) => void bad.push(path),
    });
    expect([report.rows, bad.length]).toEqual([0, COUNT]);
    const whole = await write('written', { viewSize: 0, vectors: 'int8', textWeights: 'int8' });
    expect(whole.rows).toBe(COUNT);
    expect(whole.parts.map(({ file }) => file)).toEqual(['image.onnx', 'text.onnx', 'text.int8.onnx']);
    const site = JSON.parse(readFileSync(join(root, 'written/site.json'), 'utf8'));
    expect(site.text.file).toBe('model/text.int8.onnx');
    expect(readdirSync(join(root, 'written/thumbnails'))).toHaveLength(COUNT);
    expect(readdirSync(join(root, 'written/pictures'))).toHaveLength(0);
    expect(JSON.stringify(site)).not.toContain(root); // no path of this machine is published
    const { exif } = await sharp(join(root, 'written/thumbnails/0.webp')).metadata();
    expect(exif).toBeUndefined();
  });

  it('says what it cannot publish', async () => {
    const own = { ...model.tokenizer, describe: () => ({ kind: 'mine/words', options: {} }) };
    const other = Object.create(model, { tokenizer: { value: own } });
    await expect(write('own', { model: other })).rejects.toThrow(
      /of diptych, which the page has as well, got mine\/words/,
    );
    await expect(write('wrong', { vectors: 'int4' })).rejects.toThrow(/float32 or int8, got int4/);
    await expect(write('wrong', { viewSize: -1 })).rejects.toThrow(/viewSize: expected pixels/);
    const wide = await openIndex(join(root, 'wide'), { embedDim: 3 });
    await wide.add({ ids: ['a'], vectors: { data: Float32Array.of(1, 0, 0), shape: [1, 3] } });
    await expect(write('wrong', { index: wide })).rejects.toThrow(
      /vectors of 24 numbers, as the model gives them, got 3/,
    );
    await wide.close();
  });
});

// without Chromium (CHROMIUM_PATH, or apt-get install chromium) there is nothing to look at
describe.skipIf(!executablePath)('a published page', () => {
  let browser: Browser;
  let page: Page;
  const servers: StaticServer[] = [];
  let site = '';
  const problems: string[] = [];
  const hosts = new Set<string>();

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('request', (request) => request.url().startsWith('http') && hosts.add(new URL(request.url()).host));
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await Promise.all(servers.map((server) => server.close()));
  });

  const open = async (name: string, under = '') => {
    const server = await serveFolder(join(root, name), { under });
    servers.push(server);
    site = `${server.url}/`;
    await page.goto(site);
    await page.getByRole('searchbox').waitFor();
    return server;
  };
  /** Ids and scores as the page shows them, best first. */
  const shown = async (count: number) => {
    await page.waitForFunction(() => !document.querySelector('.grid.loading') && document.querySelector('.score'));
    await page.waitForFunction(() => document.querySelector('.score')?.textContent !== '');
    return page.locator('.tile').evaluateAll((tiles, most) => {
      const inOrder = tiles.sort((a, b) => Number(a.ariaPosInSet) - Number(b.ariaPosInSet)).slice(0, most);
      return inOrder.map((tile) => ({
        caption: tile.querySelector('.caption')!.textContent,
        score: Number(tile.querySelector('.score')!.textContent),
      }));
    }, count);
  };
  const expectSame = (got: { caption: string | null; score: number }[], hits: readonly Hit[], within: number) => {
    expect(got.map(({ caption }) => caption)).toEqual(hits.map(({ metadata }) => metadata.caption));
    for (const [i, { score }] of got.entries()) expect(Math.abs(score - hits[i]!.score)).toBeLessThan(within);
  };
  const ask = async (words: string) => {
    await page.getByRole('searchbox').fill(words);
    await page
      .waitForFunction(() => document.querySelector('[role=status]')?.textContent?.includes('Searching'), null, {
        timeout: 2000,
      })
      .catch(() => {});
  };

  it('finds under any path, without headers of a server, what Node finds', { timeout: 120_000 }, async () => {
    await write('site');
    await open('site', '/people/me');
    await ask('red round picture');
    const [hits] = await index.search(await model.embedText(['red round picture']), { k: 5 });
    expectSame(await shown(5), hits!, 6e-4); // three digits are shown
    await page.getByLabel('Picture to look for').setInputFiles(join(root, 'photos/warm/picture 8.png'));
    await page.getByRole('searchbox').fill('');
    await page.getByText('this picture').waitFor();
    await page.waitForTimeout(400);
    const [alike] = await index.search(await model.embedImages([join(root, 'photos/warm/picture 8.png')]), { k: 3 });
    expectSame(await shown(3), alike!, 6e-4);
  });

  it('sees a photograph of a phone upright, as the index does', { timeout: 120_000 }, async () => {
    const fine = { quality: 100, chromaSubsampling: '4:4:4' } as const;
    const upright = await sharp(join(root, 'photos/warm/picture 8.png')).jpeg(fine).toBuffer();
    const turned = await sharp(upright).rotate(270).withMetadata({ orientation: 6 }).jpeg(fine).toBuffer();
    await page.goto(site);
    await page.getByRole('searchbox').waitFor();
    await page
      .getByLabel('Picture to look for')
      .setInputFiles({ name: 'turned.jpg', mimeType: 'image/jpeg', buffer: turned });
    await page.getByText('this picture').waitFor();
    await page.waitForTimeout(400);
    const [hits] = await index.search(await model.embedImages([upright]), { k: 2 });
    expectSame(await shown(2), hits!, 3e-3); // the browser's decoder, after a second encoding
  });

  it('opens pictures, filters and goes on from one, as the page of a server', { timeout: 120_000 }, async () => {
    await page.goto(`${site}?c.tag=odd`);
    await page.getByText(`${COUNT / 2} of ${COUNT} pictures`).waitFor();
    await page.locator('.tile .like').first().click();
    await page.getByText('more like this').first().waitFor();
    await page.locator('.tile .picture').first().click();
    const picture = page.locator('.viewed img');
    await picture.waitFor();
    expect(await picture.evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth))).toBe(48);
    await page.keyboard.press('Escape');
  });

  it('is accessible, fits a phone, asks nobody else, and runs nothing that captions say', {
    timeout: 120_000,
  }, async () => {
    await page.goto(site);
    await page.getByText(`${COUNT} pictures`).waitFor();
    await page.locator('.tile img').first().waitFor();
    await page.setViewportSize({ width: 390, height: 800 });
    // the grid is laid out anew after the window has its size
    await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    // the page's policy lets no other script in; the debugger may
    const found = await page.evaluate(
      `(() => { const module = undefined; ${AXE}; return axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes[0].html)); })()`,
    );
    expect(found).toEqual([]);
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    expect(problems).toEqual([]);
    expect([...hosts]).toEqual([new URL(site).host]);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  it('with weights and vectors as integers finds nearly the same', { timeout: 120_000 }, async () => {
    await write('small', { textWeights: 'int8', vectors: 'int8', viewSize: 0 });
    await open('small');
    await ask('blue round picture 4');
    const [hits] = await index.search(await model.embedText(['blue round picture 4']), { k: COUNT });
    const scores = new Map(hits!.map(({ metadata, score }) => [metadata.caption, score]));
    for (const { caption, score } of await shown(10))
      expect(Math.abs(score - scores.get(caption!)!)).toBeLessThan(0.03);
  });

  it('says what is wrong with a folder that was published in part', { timeout: 120_000 }, async () => {
    rmSync(join(root, 'small/index/vectors.bin'));
    const server = await serveFolder(join(root, 'small'));
    servers.push(server);
    await page.goto(`${server.url}/`);
    await page
      .getByRole('alert')
      .getByText(/vectors\.bin: expected a file, got HTTP 404/)
      .waitFor();
  });
});
