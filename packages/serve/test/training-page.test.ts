import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ownIdentity, RUN_FILES, replaceJson, takeAsk } from '@diptych/core/node';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningPage, watchRuns, writeReport } from '../src/training/index.js';
import { picture } from './small-model.js';
import { stepRecord, writeRun } from './synthetic-runs.js';

const executablePath = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const HOSTILE = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script> \u202egnp.exe';
const pageFolder = resolve(import.meta.dirname, '../dist/training');
const SHOTS = process.env.DIPTYCH_SCREENSHOTS;

// without Chromium (CHROMIUM_PATH, or apt-get install chromium) there is nothing to look at
describe.skipIf(executablePath === undefined)('the training page', () => {
  let folder: string;
  let runs: string;
  let server: RunningPage;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  const requested = new Set<string>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'diptych-training-page-'));
    runs = join(folder, 'runs');
    for (let i = 1; i <= 4; i++) writeRun(runs, `00${i}`, { learningRate: 4e-4 * i, bad: i === 2 ? [60] : [] });
    writeFileSync(join(folder, 'a.png'), await picture(20));
    writeFileSync(join(folder, 'b.png'), await picture(200));
    const run = writeRun(runs, '005', { steps: 20, learningRate: 2e-3, finished: false, extra: [EXAMPLES, WARNING] });
    replaceJson(join(run, RUN_FILES.examples), [
      { id: 'a', text: HOSTILE, image: join(folder, 'a.png') },
      { id: 'b', text: `a long caption ${'and on '.repeat(400)}`, image: join(folder, 'b.png') },
    ]);
    replaceJson(join(run, RUN_FILES.title), { name: `fifth ${HOSTILE}` });
    trains('training');
    server = await watchRuns({ runs, port: 0, thread: false, pageFolder });
    browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(20_000);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('request', (request) => requested.add(new URL(request.url()).host));
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const trains = (state: 'training' | 'waiting') =>
    replaceJson(join(runs, '005', RUN_FILES.process), {
      ...ownIdentity(),
      state,
      command: 'diptych train',
      startedAt: '',
    });
  const log = (record: object) => appendFileSync(join(runs, '005', RUN_FILES.log), `${JSON.stringify(record)}\n`);
  const open = async (query = '') => {
    await page.goto(`${server.url}${query}`);
    await page.locator('.chart canvas').first().waitFor();
  };
  const chart = (title: string) => page.getByRole('img', { name: new RegExp(`^${title}:`) });
  const row = (name: string) => page.getByRole('checkbox', { name: `Show ${name}` });
  async function violations(): Promise<string[]> {
    await page.evaluate(AXE);
    return page.evaluate(async () => {
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
  }

  it('shows a run as it goes, and asks it to stop and to go on', async () => {
    await open();
    await expect.poll(() => page.title()).toContain('% · fifth');
    await page.getByText('20 of 20', { exact: true }).waitFor();
    for (let step = 21; step <= 24; step++) log(stepRecord(step, 40, 2e-3, 1.5));
    await page.getByText('24 of 40', { exact: true }).waitFor();
    await expect.poll(() => page.getByText('step 300').count()).toBeGreaterThan(0); // the longest of the runs
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await page.getByRole('button', { name: /Stopping/ }).waitFor();
    expect(takeAsk(join(runs, '005'))).toBe('stop');
    trains('waiting');
    await page.getByRole('button', { name: 'Go on', exact: true }).click();
    await expect.poll(() => takeAsk(join(runs, '005'))).toBe('resume');
    trains('training');
    await page.getByRole('button', { name: 'Stop', exact: true }).waitFor();
  });

  it('escapes what captions, names and logs bring', async () => {
    await open();
    await page.getByText('its picture is number 2').first().waitFor();
    expect(await page.locator('.cases .caption bdi').allTextContents()).toEqual([HOSTILE.replace('\u202e', '\\u202e')]);
    await page.getByText('look out \\u001b[31m<b>').waitFor();
    expect(await page.locator('.status h2 bdi').textContent()).toBe(`fifth ${HOSTILE.replace('\u202e', '\\u202e')}`);
    await page.getByText('Best', { exact: true }).click();
    await expect.poll(() => page.locator('.pictures img').count()).toBe(2);
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
    expect(await page.locator('main script, main b:text("b")').count()).toBe(0);
  });

  it('shows and hides runs, renames one, and keeps in the address what is looked at', async () => {
    await open();
    await expect.poll(() => chart('Loss').getAttribute('aria-label')).toContain('002');
    await row('002').uncheck();
    await expect.poll(() => chart('Loss').getAttribute('aria-label')).not.toContain('002');
    expect(page.url()).toContain('show=');
    await page.getByLabel('Filter runs').fill('learningRate=0.0004');
    await expect.poll(() => page.locator('nav li').count()).toBe(1);
    await page.getByLabel('Filter runs').fill('');
    await page.getByRole('button', { name: /^003/ }).click();
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByLabel('Name of 003').fill('the third');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('heading', { name: 'the third' }).waitFor();
    await page.getByLabel(/^log axis of Loss/).check();
    await page.getByLabel('Over').selectOption('time');
    await page.reload();
    await page.getByRole('heading', { name: 'the third' }).waitFor();
    expect(await page.getByLabel(/^log axis of Loss/).isChecked()).toBe(true);
    expect(await row('002').isChecked()).toBe(false);
    await page
      .getByText(/^\d+ min \d+ s|^\d+ s/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'recipe.learningRate' }).click();
    await expect.poll(() => page.locator('section[aria-label="Compare"] tbody th').first().textContent()).toBe('001');
  });

  it('says where numbers were not finite', async () => {
    await open('?show=002&run=002&smooth=50');
    await page.getByText(/not finite at 1 steps/).waitFor();
  });

  it('overlays 300 runs with few requests, and few rows in the document', async () => {
    const many = join(folder, 'many');
    for (let i = 0; i < 300; i++)
      writeRun(many, `run ${String(i).padStart(3, '0')}`, { learningRate: 1e-4 * (1 + (i % 17)) });
    const crowd = await watchRuns({ runs: many, port: 0, thread: false, pageFolder });
    const tab = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    tab.setDefaultTimeout(60_000);
    try {
      let polls = 0;
      let bytes = 0;
      tab.on('response', async (response) => {
        if (!response.url().endsWith('/api/poll')) return;
        polls++;
        bytes += (await response.body().catch(() => Buffer.alloc(0))).length;
      });
      await tab.goto(crowd.url);
      await tab.getByText('6 of 300 shown').waitFor();
      await tab.locator('.chart canvas').first().waitFor();
      const before = { polls, bytes };
      expect(before.bytes).toBeLessThan(1_500_000); // the list, and six runs
      await tab.getByRole('button', { name: 'Show all' }).click();
      await tab.getByRole('img', { name: /^Loss: 300 lines/ }).waitFor();
      await tab
        .getByText(/300 lines; point at one/)
        .first()
        .waitFor();
      // one request for all of it, and those that were under way
      expect(polls - before.polls).toBeLessThan(12);
      expect(bytes - before.bytes).toBeLessThan(20_000_000);
      expect(await tab.locator('nav li').count()).toBeLessThan(50);
      expect(await tab.locator('section[aria-label="Compare"] tbody tr').count()).toBe(50);
      const quiet = polls;
      await tab.waitForTimeout(3000);
      expect(polls - quiet).toBeLessThan(4); // nothing is new: the server holds the answer back
      if (SHOTS) await tab.screenshot({ path: join(SHOTS, 'training-300.png') });
    } finally {
      await tab.close();
      await crowd.close();
    }
  });

  it('is frozen into one file that asks nobody, opened from the disk', async () => {
    const run = join(folder, 'frozen');
    cpSync(join(runs, '005'), run, { recursive: true });
    const file = join(folder, 'report.html');
    await writeReport(run, file, {
      facts: [['pairs', HOSTILE]],
      metrics: { textToImage: { 'recall@1': 0.5 } },
      pageFolder,
    });
    const tab = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const wrong: string[] = [];
    const asked: string[] = [];
    tab.on('pageerror', (error) => wrong.push(error.message));
    tab.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
    tab.on('request', (request) => asked.push(request.url()));
    await tab.goto(pathToFileURL(file).href);
    await tab.getByRole('img', { name: /^Loss:/ }).waitFor();
    await tab.getByText('50.0 %').first().waitFor();
    expect(
      await tab
        .locator('.cases img')
        .first()
        .evaluate((image: HTMLImageElement) => image.decode().then(() => true)),
    ).toBe(true);
    expect(await tab.getByRole('button', { name: /Stop|Rename/ }).count()).toBe(0);
    expect(await tab.evaluate(() => 'hacked' in window)).toBe(false);
    expect(asked.filter((url) => !url.startsWith('data:'))).toEqual([pathToFileURL(file).href]);
    expect(wrong).toEqual([]);
    await tab.close();
    await expect(writeReport(runs, file, { pageFolder })).rejects.toThrow(/one run's folder/);
  });

  it.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
    ['dark', 390],
  ] as const)('has no violations of axe in %s at %i pixels', async (colorScheme, width) => {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    await open('?smooth=10&show=001&show=002&show=005');
    await page.locator('.cases').waitFor();
    expect(await violations()).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    if (SHOTS) {
      mkdirSync(SHOTS, { recursive: true });
      await page.screenshot({ path: join(SHOTS, `training-${colorScheme}-${width}.png`), fullPage: true });
    }
  });

  it('asks nobody but its server, and breaks no rule of its policy', () => {
    expect([...requested].filter((host) => host !== '')).toEqual([new URL(server.url).host]);
    expect(problems).toEqual([]);
  });
});

const EXAMPLE = (row: number, id: string, rank: number) => ({
  row,
  id,
  rank,
  score: 0.5,
  found: [
    { row: 1, id: 'b', score: 0.6 },
    { row: 0, id: 'a', score: 0.5 },
  ],
});
const EXAMPLES = {
  kind: 'examples',
  step: 20,
  of: 2,
  best: [EXAMPLE(1, 'b', 1)],
  worst: [EXAMPLE(0, 'a', 2)],
  followed: [EXAMPLE(0, 'a', 2), EXAMPLE(1, 'b', 1)],
};
const WARNING = { kind: 'warning', message: 'look out \u001b[31m<b>' };
