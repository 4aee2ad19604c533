import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { askRun, ownIdentity, RUN_FILES, replaceJson, takeAsk } from '@diptych/core/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { picture } from '../../test/small-model.js';
import { stepRecord, writeRun } from '../../test/synthetic-runs.js';
import type { PollAnswer, PollRequest } from './api.js';
import { type RunningPage, watchRuns } from './index.js';

const pageFolder = resolve(import.meta.dirname, '../../dist/training');
const TOKEN = 'a-token-of-some-length';

let folder: string;
let server: RunningPage | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watch-'));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const start = async (more: object = {}) => {
  server = await watchRuns({ runs: folder, port: 0, thread: false, pageFolder, ...more });
  return server;
};
const post = (name: string, body: object, headers: Record<string, string> = {}) =>
  fetch(`${server!.url}api/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const poll = async (request: Partial<PollRequest> = {}): Promise<PollAnswer> => {
  const answer = await post('poll', { since: 0, wait: 0, wants: [], ...request });
  expect(answer.status).toBe(200);
  return answer.json();
};
const losses = (runs: Record<string, string>) => [{ keys: ['loss'], points: 500, runs }];
const trains = (name: string, more: object = {}) =>
  replaceJson(join(folder, name, RUN_FILES.process), {
    ...ownIdentity(),
    state: 'training',
    command: 'diptych train',
    startedAt: '',
    ...more,
  });

describe('watchRuns', () => {
  it('lists runs with how they stand', async () => {
    writeRun(folder, '001');
    writeRun(folder, '002', { finished: false });
    writeRun(folder, '003', { finished: false });
    trains('003');
    writeRun(folder, '004', { finished: false });
    trains('004', { pid: 2 ** 22, started: '1' });
    writeRun(folder, '005', { finished: false });
    trains('005', { state: 'ended', stopped: 'failed', message: 'no memory' });
    mkdirSync(join(folder, 'no-run'));
    await start();
    const { runs, names } = await poll();
    expect(names).toEqual(['001', '002', '003', '004', '005']);
    expect(runs.map(({ state }) => state)).toEqual(['finished', 'unknown', 'running', 'stopped', 'failed']);
    expect(runs[0]).toMatchObject({
      step: 300,
      total: 300,
      figures: { 'textToImage.recall@1': 0.41 },
      config: { 'recipe.learningRate': '0.001' },
    });
    expect(runs[4]!.message).toBe('no memory');
    expect(runs[3]!.command).toBe('diptych train');
  });

  it('answers when something comes, with what is new alone', async () => {
    writeRun(folder, '001', { steps: 5, finished: false });
    await start();
    const first = await poll({ wants: losses({ '001': '' }), focus: { run: '001', cursor: '' } });
    const { cursor, parts } = first.series[0]!['001']!;
    expect(parts.loss!.x).toEqual([1, 2, 3, 4, 5]);
    const next = poll({
      since: first.version,
      wait: 20,
      wants: losses({ '001': cursor }),
      focus: { run: '001', cursor: first.focus!.cursor },
    });
    await new Promise((resolve) => setTimeout(resolve, 600));
    const log = join(folder, '001', RUN_FILES.log);
    appendFileSync(
      log,
      `${JSON.stringify(stepRecord(6, 10))}\n${JSON.stringify({ kind: 'warning', message: 'slow' })}\n`,
    );
    const { series, runs, focus, names } = await next;
    expect(series[0]!['001']!.parts.loss).toMatchObject({ after: 5, x: [6] });
    expect(runs).toMatchObject([{ name: '001', step: 6, state: 'running' }]); // it was seen to grow
    expect(focus).toMatchObject({ reset: false, events: [{ message: 'slow' }] });
    expect(names).toBeUndefined();
  });

  it('bears a folder that comes later, goes, and comes back', async () => {
    rmSync(folder, { recursive: true });
    await start();
    expect(await poll()).toMatchObject({ exists: false, runs: [], names: [] });
    writeRun(folder, '001');
    const seen = await until(({ names }) => names?.length === 1);
    rmSync(folder, { recursive: true });
    const gone = await until(({ exists }) => !exists);
    expect(gone.version).toBeGreaterThan(seen.version);
    writeRun(folder, '001', { steps: 7 });
    const again = await until(({ runs }) => runs.length === 1);
    expect(again.runs[0]!.step).toBe(7);
  });
  const until = async (isRight: (answer: PollAnswer) => boolean): Promise<PollAnswer> => {
    while (true) {
      const answer = await poll();
      if (isRight(answer)) return answer;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  it('shows one run by its own folder', async () => {
    await start({ runs: writeRun(folder, '001') });
    expect((await poll()).names).toEqual(['001']);
  });

  it('asks the process of a run to stop and to go on, for who has the key of the page', async () => {
    writeRun(folder, '001', { finished: false });
    trains('001');
    await start();
    const { key } = await poll();
    const withKey = { 'x-diptych-page': key };
    expect((await post('stop', { run: '001' })).status).toBe(403);
    expect((await post('stop', { run: '001' }, { 'x-diptych-page': 'guessed' })).status).toBe(403);
    expect((await post('stop', { run: '../001' }, withKey)).status).toBe(404);
    const early = await post('resume', { run: '001' }, withKey);
    expect(await early.json()).toMatchObject({ status: 400, remedy: 'diptych train' });
    expect((await post('stop', { run: '001' }, withKey)).status).toBe(200);
    expect(takeAsk(join(folder, '001'))).toBe('stop');
    trains('001', { state: 'waiting' });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect((await post('resume', { run: '001' }, withKey)).status).toBe(200);
    expect(takeAsk(join(folder, '001'))).toBe('resume');
    expect((await post('title', { run: '001', title: ' mine ' }, withKey)).status).toBe(200);
    expect((await poll()).runs[0]!.title).toBe('mine');
    askRun(join(folder, '001'), 'stop');
  });

  it('refuses other sites, other names and other callers', async () => {
    writeRun(folder, '001');
    await start();
    expect((await post('poll', {}, { origin: 'https://elsewhere.example' })).status).toBe(403);
    expect((await post('poll', { since: 0, wait: 99, wants: [] })).status).toBe(400);
    const page = await fetch(server!.url);
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect((await fetch(new URL('/', server!.url), { redirect: 'manual' })).headers.get('location')).toBe('/training/');
    expect((await fetch(`${server!.url}../package.json`)).status).toBe(404);
    await server!.close();
    await start({ token: TOKEN });
    expect((await post('poll', { since: 0, wait: 0, wants: [] })).status).toBe(401);
    expect((await post('session', { token: 'another' })).status).toBe(401);
    const session = await post('session', { token: TOKEN });
    const cookie = session.headers.get('set-cookie')!.split(';')[0]!;
    expect((await post('poll', { since: 0, wait: 0, wants: [] }, { cookie })).status).toBe(200);
    await expect(watchRuns({ runs: folder, host: '0.0.0.0', thread: false })).rejects.toThrow(/a token/);
    await expect(watchRuns({ runs: folder, port: server!.port, thread: false, pageFolder })).rejects.toThrow(
      /is taken/,
    );
    await expect(watchRuns({ run: folder } as never)).rejects.toThrow(/did you mean runs/);
  });

  it('gives pictures of examples by row, and none but pictures', async () => {
    const run = writeRun(folder, '001', { steps: 2, extra: [EXAMPLES] });
    writeFileSync(join(folder, 'a.png'), await picture(20));
    writeFileSync(join(folder, 'b.png'), 'secret');
    replaceJson(join(run, RUN_FILES.examples), [
      { id: 'a', text: 'a <b>cat</b>', image: join(folder, 'a.png') },
      { id: 'b', text: 'no picture', image: join(folder, 'b.png') },
      { id: 'another', text: 'of another list', image: join(folder, 'a.png') },
    ]);
    await start();
    const { focus } = await poll({ focus: { run: '001', cursor: '' } });
    expect(focus!.examples!.pairs).toEqual({
      0: { text: 'a <b>cat</b>', image: true },
      1: { text: 'no picture', image: true },
      2: { text: 'c', image: false },
    });
    const get = (row: string) => fetch(`${server!.url}api/picture?run=001&row=${row}`);
    const answer = await get('0');
    expect(answer.headers.get('content-type')).toBe('image/webp');
    expect((await get('1')).status).toBe(415);
    expect((await get('9')).status).toBe(404);
    expect((await get('..%2F0')).status).toBe(400);
    const report = await fetch(`${server!.url}api/report?run=001`);
    expect(report.headers.get('content-disposition')).toContain('attachment');
    expect(await report.text()).toContain('data:image/webp;base64,');
  });

  it('answers in a thread of its own, and says why it cannot', async () => {
    writeRun(folder, '001');
    const workerFile = resolve(import.meta.dirname, '../../dist/watch-worker.js');
    await start({ thread: true, workerFile });
    expect((await poll()).names).toEqual(['001']);
    const taken = watchRuns({ runs: folder, port: server!.port, workerFile, pageFolder });
    await expect(taken).rejects.toMatchObject({ code: 'config', message: expect.stringContaining('is taken') });
    expect(readFileSync(join(pageFolder, 'index.html'), 'utf8')).not.toContain('http');
  });
});

const EXAMPLE = (row: number, id: string) => ({
  row,
  id,
  rank: 2,
  score: 0.5,
  found: [{ row: 2, id: 'c', score: 0.6 }],
});
const EXAMPLES = {
  kind: 'examples',
  step: 2,
  of: 3,
  best: [EXAMPLE(0, 'a')],
  worst: [EXAMPLE(1, 'b')],
  followed: [],
};
