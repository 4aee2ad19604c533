// A real run of the command line in a process of its own, watched in Chromium: the loss goes on, the page stops it and goes on with it.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { squares } from '../../test/squares.js';

const BIN = resolve(import.meta.dirname, '../../bin/diptych.js');
const BUILT = resolve(import.meta.dirname, '../../dist/main.js');
const CHROMIUM = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path !== undefined && existsSync(path),
);

describe.skipIf(CHROMIUM === undefined)('train --watch', () => {
  let folder: string;
  let browser: Browser;
  let child: ChildProcess | undefined;
  beforeAll(async () => {
    if (!existsSync(BUILT)) throw new Error('the command line is not built: npm run build');
    folder = mkdtempSync(join(tmpdir(), 'diptych-train-watch-'));
    await squares(join(folder, 'pictures'), 14);
    // six captions for all pictures would leave nothing to hold out: each gets its own
    for (const name of readdirSync(join(folder, 'pictures')).filter((file) => file.endsWith('.txt')))
      writeFileSync(join(folder, 'pictures', name), `a ${name.replace('.txt', '').replaceAll('-', ' ')}\n`);
    browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    child?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('shows the run, stops it and goes on with it', async () => {
    const runs = join(folder, 'runs');
    const args = ['train', join(folder, 'pictures'), '--image', 'scratch', '--text', 'scratch', '--steps', '100000'];
    child = spawn(process.execPath, [BIN, ...args, '--runs', runs, '--watch', '--port', '0'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    const ended = new Promise<number | null>((resolve) => child!.on('close', resolve));
    const address = () => /training page at (\S+)/.exec(output)?.[1];
    await expect.poll(address, { timeout: 60_000 }).toBeDefined();
    const page = await browser.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(address()!);
    const step = async () =>
      Number(
        /^([\d,]+)/.exec((await page.locator('.numbers dd').first().textContent()) ?? '')?.[1]?.replaceAll(',', ''),
      );
    await expect.poll(step, { timeout: 60_000 }).toBeGreaterThan(30);
    const first = await step();
    await expect.poll(step, { timeout: 60_000 }).toBeGreaterThan(first + 5);
    expect(await page.getByRole('img', { name: /^Loss:/ }).getAttribute('aria-label')).toMatch(/Loss \d/);
    // examples of the first validation, after 200 steps: a machine that does other things takes a while to come there
    await page.locator('.cases img').first().waitFor({ timeout: 240_000 });

    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    const goOn = page.getByRole('button', { name: 'Go on', exact: true });
    await goOn.waitFor();
    expect(output).toContain('stopped from the page');
    const stopped = await step();
    await goOn.click();
    await expect.poll(step, { timeout: 60_000 }).toBeGreaterThan(stopped + 5);
    expect(output).toMatch(/going on from step \d+/);

    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(JSON.parse(readFileSync(join(runs, '001/process.json'), 'utf8'))).toMatchObject({
      state: 'ended',
      stopped: 'aborted',
    });
  }, 480_000);
});
