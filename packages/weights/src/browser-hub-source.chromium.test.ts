import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeSafetensors } from './encode-safetensors.js';
import type * as Weights from './index.browser.js';
import { FakeHub } from './node/fake-hub.fixture.js';

/** A Chromium: the one that CHROMIUM_PATH names, or Debian's. */
const executablePath = [process.env.CHROMIUM_PATH, '/usr/bin/chromium'].find((path) => path && existsSync(path));

declare global {
  var weights: typeof Weights;
}

describe.skipIf(!executablePath)('in Chromium (skipped where there is none; set CHROMIUM_PATH)', () => {
  const file = encodeSafetensors({
    w: { dtype: 'float32', shape: [1000], data: Float32Array.from({ length: 1000 }, (_, i) => i) },
  });
  let hub: FakeHub;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    hub = await FakeHub.start({ 'config.json': new TextEncoder().encode('{"width": 1}'), 'model.safetensors': file });
    const { outputFiles } = await build({
      entryPoints: [resolve(import.meta.dirname, 'index.browser.ts')],
      bundle: true,
      write: false,
      platform: 'browser',
      format: 'iife',
      globalName: 'weights',
      logLevel: 'error',
    });
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    page = await browser.newPage();
    await page.goto(`${hub.endpoint}/`);
    await page.addScriptTag({ content: outputFiles[0]!.text });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await hub?.stop();
  });

  const readInPage = () =>
    page.evaluate(async (endpoint) => {
      const { openSource, openTensors, readJson } = globalThis.weights;
      const source = openSource('org/model@v1.0', { endpoint, retry: { backoff: 1 } });
      const { data } = (await openTensors(source)).read('w');
      const cached = await (await caches.open('diptych')).keys();
      return { config: await readJson(source, 'config.json'), last: data[999], cached: cached.map(({ url }) => url) };
    }, hub.endpoint);

  it('fetches over a cut connection, checks, keeps by commit, and fetches no second time', async () => {
    hub.troubles.push({ match: 'model.safetensors', trouble: { cutAfter: 1500 } });
    const first = await readInPage();
    expect(first).toMatchObject({ config: { width: 1 }, last: 999 });
    expect(first.cached).toEqual([`${hub.endpoint}/org/model/resolve/${hub.commit}/model.safetensors`]);
    expect(hub.downloads.map(({ url, range }) => [url.split('/').at(-1), range])).toEqual([
      ['model.safetensors', 'bytes=0-'],
      ['model.safetensors', 'bytes=1500-'],
      ['config.json', 'bytes=0-'],
    ]);
    const second = await readInPage();
    expect(second.last).toBe(999);
    expect(hub.downloads).toHaveLength(3);
  });

  it('refuses a file with the wrong hash', async () => {
    await page.evaluate(() => caches.delete('diptych'));
    hub.troubles.push({ match: 'model.safetensors', trouble: 'corrupt' });
    await expect(readInPage()).rejects.toThrow(/expected sha256/);
    expect((await readInPage()).last).toBe(999);
  });
});
