import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

interface Summary {
  passed: number;
  skipped: number;
  failures: { name: string; message: string }[];
  calls: { native: number; fallback: number };
}

async function runSuite(...options: string[]): Promise<Summary> {
  const file = join(mkdtempSync(join(tmpdir(), 'tfjs-suite-')), 'summary.json');
  const script = resolve(import.meta.dirname, '../../../tooling/tfjs-suite.mjs');
  // Failing tests set the exit status; the summary says which.
  await promisify(execFile)(process.execPath, [script, '--json', file, ...options], { maxBuffer: 2 ** 26 }).catch(
    () => {},
  );
  return JSON.parse(readFileSync(file, 'utf8')) as Summary;
}

describe("tfjs-core's own tests", () => {
  // Of the 4,227 that tfjs-backend-cpu passes, two move data between two copies of that backend and run for no other;
  // backend.test.ts moves data between this backend and others.
  it('pass, all 4,225 that are not about tfjs-backend-cpu itself', { timeout: 180_000 }, async () => {
    const { passed, failures } = await runSuite();
    expect(failures).toEqual([]);
    expect(passed).toBe(4225);
  });

  it('are served natively for 80 % of the kernel calls', { timeout: 600_000 }, async () => {
    const { failures, calls } = await runSuite('--force-native');
    expect(failures).toEqual([]);
    expect(calls.native / (calls.native + calls.fallback)).toBeGreaterThan(0.8);
  });
});
