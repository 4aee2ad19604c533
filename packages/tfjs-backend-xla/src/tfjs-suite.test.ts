import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { cpuPlugin, reason } from '../test/cpu-plugin';

describe.skipIf(!cpuPlugin)(`tfjs-core's own tests${reason}`, () => {
  it('pass, all 4,225 that are not about tfjs-backend-cpu itself', { timeout: 900_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tfjs-suite-'));
    const file = join(folder, 'summary.json');
    const script = resolve(import.meta.dirname, '../../../tooling/tfjs-suite.mjs');
    const env = { ...process.env, PJRT_PLUGIN: cpuPlugin, DIPTYCH_XLA_CACHE: folder, TF_CPP_MIN_LOG_LEVEL: '3' };
    // Failing tests set the exit status; the summary says which.
    await promisify(execFile)(process.execPath, [script, '--backend', 'xla', '--json', file], {
      maxBuffer: 2 ** 26,
      env,
    }).catch(() => {});
    const { passed, failures } = JSON.parse(readFileSync(file, 'utf8'));
    expect(failures).toEqual([]);
    expect(passed).toBe(4225);
  });
});
