import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askRun, isAlive, RUN_FILES, type RunProcess } from '@diptych/core/node';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startRun } from './start-run.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'run-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: keyof typeof RUN_FILES) => JSON.parse(readFileSync(join(folder, RUN_FILES[name]), 'utf8'));
const aborted = (signal: AbortSignal) => new Promise((resolve) => signal.addEventListener('abort', resolve));

it('says who trains, stops when it is asked to, waits, and goes on', async () => {
  const first = startRun(folder, {
    config: { rate: 1 },
    command: 'diptych train',
  });
  first.showPairs([{ id: 'a', text: 'a cat', image: '/cat.png' }]);
  expect(read('process')).toMatchObject({ state: 'training', pid: process.pid, command: 'diptych train' });
  expect(isAlive(read('process') as RunProcess)).toBe(true);
  expect(read('examples')).toEqual([{ id: 'a', text: 'a cat', image: '/cat.png' }]);
  first.log.write({ kind: 'step', step: 1, loss: Number.NaN });
  expect(readFileSync(join(folder, RUN_FILES.log), 'utf8')).toContain('"loss":"NaN"');

  askRun(folder, 'stop');
  await aborted(first.signal);
  const resumed = first.resumed();
  expect(read('process').state).toBe('waiting');
  askRun(folder, 'resume');
  expect(await resumed).toBe(true);

  const again = startRun(folder, { config: { rate: 2 } });
  expect(read('config')).toEqual({ rate: 1 }); // what the run was begun with
  expect(again.signal.aborted).toBe(false);
  again.end('failed', 'no memory');
  again.end('done');
  expect(read('process')).toMatchObject({ state: 'ended', stopped: 'failed', message: 'no memory' });
});

it('does not hear what was asked of a process before it, and gives waiting up', async () => {
  askRun(folder, 'stop');
  const run = startRun(folder);
  const stop = new AbortController();
  const resumed = run.resumed(stop.signal);
  expect(run.signal.aborted).toBe(false);
  stop.abort();
  expect(await resumed).toBe(false);
  expect(() => startRun(folder, { configuration: {} } as never)).toThrow(/config/);
});
