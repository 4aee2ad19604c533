import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findFinishedRun, METRICS_FILE, openRun } from './runs.js';

const folder = () => mkdtempSync(join(tmpdir(), 'runs-'));
const begin = (path: string, config: object) => writeFileSync(join(path, 'run.json'), JSON.stringify(config));
const finish = (path: string) => writeFileSync(join(path, METRICS_FILE), '{}');

describe('openRun', () => {
  it('numbers runs and keeps finished ones', () => {
    const runs = folder();
    const first = openRun(runs, { seed: 0 });
    begin(first.path, { seed: 0 });
    finish(first.path);
    const second = openRun(runs, { seed: 0 });
    expect([first.name, second.name]).toEqual(['001', '002']);
    expect(second.resumes).toBe(false);
  });

  it('goes on with an interrupted run of the same configuration only', () => {
    const runs = folder();
    const first = openRun(runs, { seed: 0 });
    begin(first.path, { seed: 0 });
    expect(openRun(runs, { seed: 0 })).toEqual({ ...first, resumes: true });
    expect(openRun(runs, { seed: 1 }).name).toBe('002');
    expect(openRun(runs, { seed: 0 }, { fresh: true }).name).toBe('003');
  });

  it('refuses to overwrite a finished run by name', () => {
    const runs = folder();
    const first = openRun(runs, { seed: 0 }, { name: 'mine' });
    begin(first.path, { seed: 0 });
    finish(first.path);
    expect(() => openRun(runs, { seed: 0 }, { name: 'mine' })).toThrow(/finished/);
  });
});

describe('findFinishedRun', () => {
  it('says how to get one where there is none', () => {
    expect(() => findFinishedRun(folder())).toThrow(/train one first: diptych train/);
  });
});
