import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { parseSearchOptions, parseTrainOptions } from './options.js';

afterEach(() => vi.unstubAllEnvs());

it('paths of the command line start where npm was called', () => {
  const folder = mkdtempSync(join(tmpdir(), 'diptych-user-'));
  writeFileSync(join(folder, 'pairs.jsonl'), '');
  vi.stubEnv('INIT_CWD', folder);
  const { data, runs } = parseTrainOptions(['--data', 'pairs.jsonl', '--runs', 'mine']);
  expect([data, runs]).toEqual([join(folder, 'pairs.jsonl'), join(folder, 'mine')]);
  expect(parseTrainOptions(['--data', 'package.json'])).toMatchObject({ data: 'package.json', runs: 'runs' });
  expect(parseTrainOptions(['--data', '/etc/hosts']).data).toBe('/etc/hosts');
  expect(parseSearchOptions(['--image', 'pairs.jsonl']).image).toBe(join(folder, 'pairs.jsonl'));
  vi.stubEnv('INIT_CWD', process.cwd());
  expect(parseTrainOptions(['--data', 'none.jsonl']).data).toBe('none.jsonl');
});
