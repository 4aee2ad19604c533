import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const EXAMPLE = resolve(import.meta.dirname, '../examples/embed-in-worker.mjs');

it('a server whose model lives in a worker answers while the worker embeds', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [EXAMPLE, '--once']);
  const [, health, length, embedding] =
    /health answered in (\d+) ms .*"length":(\d+)\} took (\d+) ms/.exec(stdout) ?? [];
  // 32 pictures of 128 numbers each
  expect(Number(length)).toBe(4096);
  expect(Number(health)).toBeLessThan(Number(embedding));
});
