import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { userPath } from './user-path.js';

afterEach(() => vi.unstubAllEnvs());

it('paths of the command line start where npm was called', () => {
  const folder = mkdtempSync(join(tmpdir(), 'diptych-user-'));
  writeFileSync(join(folder, 'pairs.jsonl'), '');
  vi.stubEnv('INIT_CWD', folder);
  expect(userPath('pairs.jsonl')).toBe(join(folder, 'pairs.jsonl'));
  expect(userPath('mine')).toBe(join(folder, 'mine'));
  expect(userPath('package.json')).toBe('package.json');
  expect(userPath('/etc/hosts')).toBe('/etc/hosts');
  vi.stubEnv('INIT_CWD', process.cwd());
  expect(userPath('none.jsonl')).toBe('none.jsonl');
});
