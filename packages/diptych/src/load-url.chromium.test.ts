import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { compose, normalize, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import { Bert } from '@diptych/text';
import { MultiModalEncoder } from '@diptych/train';
import { ViT } from '@diptych/vision';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StaticServer, serveFolder } from '../test/static-server.js';
import { type JointModel, load, save } from './index.js';

/** A Chromium: the one that CHROMIUM_PATH names, or Debian's. */
const executablePath = [process.env.CHROMIUM_PATH, '/usr/bin/chromium'].find((path) => path && existsSync(path));
const TEXTS = ['a red cat', 'Cats!', 'a ünknown word, cut at the end of it'];
const PICTURES = ['photo.jpg', 'progressive.jpg', 'plain.png', 'alpha.png', 'deep.png', 'lossless.webp'];

/** What a page of a user's would have, made of the built packages as their bundler sees them. */
const PAGE = `
import * as tf from '@tensorflow/tfjs-core';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { load } from 'diptych';
setWasmPaths('/wasm/');
window.embed = async (address, texts, pictures, base) => {
  await tf.setBackend('wasm');
  const model = await load(address, { retry: { retries: 0 } });
  const blobs = await Promise.all(pictures.map(async (name) => (await fetch(base + name)).blob()));
  const text = await model.embedText(texts);
  const image = await model.embedImages(blobs);
  const byAddress = await model.embedImages([base + pictures[0]]);
  model.dispose();
  return { backend: tf.getBackend(), text: [...text.data], image: [...image.data], byAddress: [...byAddress.data] };
};
`;

declare global {
  var embed: (
    address: string,
    texts: readonly string[],
    pictures: readonly string[],
    base: string,
  ) => Promise<{ backend: string; text: number[]; image: number[]; byAddress: number[] }>;
}

describe.skipIf(!executablePath)('load in Chromium (skipped where there is none; set CHROMIUM_PATH)', () => {
  const root = mkdtempSync(join(tmpdir(), 'load-chromium-'));
  let browser: Browser;
  let page: Page;
  let site: StaticServer;
  let models: StaticServer;
  let closed: StaticServer;
  let model: JointModel;

  beforeAll(async () => {
    const words = [
      '[PAD]',
      '[UNK]',
      '[CLS]',
      '[SEP]',
      '[MASK]',
      'a',
      'red',
      'cat',
      '##s',
      'un',
      '!',
      'at',
      'of',
      'end',
    ];
    writeFileSync(join(root, 'vocab.txt'), words.join('\n'));
    const sizes = { hiddenSize: 32, numLayers: 2, numHeads: 2 };
    const encoder = new MultiModalEncoder({
      image: new ViT({ ...sizes, patchSize: 8, imageSize: 32 }, { embedDim: 24, seed: 1 }),
      text: new Bert(
        { ...sizes, vocabSize: words.length, intermediateSize: 64, maxPositions: 16 },
        { embedDim: 24, seed: 2 },
      ),
    });
    const transform = compose([resize([32, 32], 'bicubic'), toTensor(), normalize('imagenet')]);
    const folder = join(root, 'models/mine');
    const parts = { encoder, transform, tokenizer: tokenizer(join(root, 'vocab.txt')), tokenize: { maxLength: 8 } };
    await save(folder, parts, { maxShardBytes: 40_000 });
    model = await load(folder);

    mkdirSync(join(root, 'site/wasm'), { recursive: true });
    const noise = Buffer.from(Uint8Array.from({ length: 90 * 70 * 4 }, (_, i) => (i * i * 7 + (i >> 5)) % 256));
    const picture = () => sharp(noise, { raw: { width: 90, height: 70, channels: 4 } });
    const opaque = () => picture().removeAlpha().blur(1.5);
    const files = {
      'photo.jpg': opaque().withMetadata({ orientation: 6 }).jpeg(),
      'progressive.jpg': opaque().jpeg({ progressive: true }),
      'plain.png': opaque().png(),
      'alpha.png': picture().png(), // colours below what cannot be seen count, as in PIL
      'deep.png': opaque().toColourspace('rgb16').png(), // a canvas has them in 8 bits, as sharp
      'lossless.webp': opaque().webp({ lossless: true }),
    };
    for (const [name, file] of Object.entries(files)) writeFileSync(join(root, 'site', name), await file.toBuffer());
    const wasm = resolve(import.meta.dirname, '../../../node_modules/@tensorflow/tfjs-backend-wasm/dist');
    for (const name of ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm'])
      writeFileSync(join(root, 'site/wasm', name), readFileSync(join(wasm, name)));
    await build({
      stdin: { contents: PAGE, resolveDir: resolve(import.meta.dirname, '..') },
      bundle: true,
      outfile: join(root, 'site/page.js'),
      tsconfigRaw: '{}',
      platform: 'browser',
      format: 'esm',
      logLevel: 'error',
      // tfjs-core names these behind a check of the platform
      external: ['util', 'fs', 'path', 'crypto', 'node-fetch', 'string_decoder', 'perf_hooks', 'os', 'worker_threads'],
    });
    writeFileSync(
      join(root, 'site/index.html'),
      '<!doctype html><title>page</title><script type="module" src="page.js"></script>',
    );
    site = await serveFolder(join(root, 'site'), {
      headers: { 'content-security-policy': "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src *" },
    });
    models = await serveFolder(join(root, 'models'), { headers: { 'access-control-allow-origin': '*' } });
    closed = await serveFolder(join(root, 'models'));
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    page = await browser.newPage();
    await page.goto(`${site.url}/`);
    await page.waitForFunction(() => 'embed' in globalThis);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await Promise.all([site, models, closed].map((server) => server?.close()));
    model?.dispose();
    rmSync(root, { recursive: true, force: true });
  });

  const embedIn = (address: string) =>
    page.evaluate(([url, texts, pictures, base]) => globalThis.embed(url, texts, pictures, base), [
      address,
      TEXTS,
      PICTURES,
      `${site.url}/`,
    ] as const);

  it('reads a model of another site and embeds texts and pictures as Node does', { timeout: 120_000 }, async () => {
    const found = await embedIn(`${models.url}/mine`);
    expect(found.backend).toBe('wasm');
    const text = await model.embedText(TEXTS);
    const image = await model.embedImages(PICTURES.map((name) => join(root, 'site', name)));
    const [rows, width] = image.shape;
    // same ids and same pixels: what is left is float32 of another engine
    expect(furthest(found.text, text.data)).toBeLessThan(2e-6);
    for (let row = 0; row < rows; row++) {
      const part = (of: ArrayLike<number>) => Array.from(of).slice(row * width, (row + 1) * width);
      expect(furthest(part(found.image), part(image.data)), PICTURES[row]).toBeLessThan(2e-6);
    }
    expect(furthest(found.byAddress, found.image.slice(0, width))).toBe(0);
  });

  it('keeps the files: a second time it asks for model.json alone', { timeout: 120_000 }, async () => {
    await embedIn(`${models.url}/mine/`);
    models.asked.length = 0;
    await embedIn(`${models.url}/mine`);
    expect(models.asked).toEqual(['/mine/model.json']);
  });

  it('says what a server of another site has to allow', { timeout: 120_000 }, async () => {
    await expect(embedIn(`${closed.url}/mine`)).rejects.toThrow(
      /model\.json: it cannot be reached: .* allow other sites' pages: access-control-allow-origin: http:\/\/127/,
    );
    await expect(embedIn(`${models.url}/nothing`)).rejects.toThrow(/expected a file, got HTTP 404/);
  });
});

function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < b.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
}
