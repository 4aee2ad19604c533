import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { markUsed, removeLeastUsed } from './feature-files.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-features-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A file of 1,000 bytes that was last used so many minutes ago. */
function file(letter: string, minutes: number, name = `${letter.repeat(32)}.safetensors`): string {
  writeFileSync(join(folder, name), new Uint8Array(1000));
  const then = new Date(Date.now() - minutes * 60_000);
  utimesSync(join(folder, name), then, then);
  return join(folder, name);
}

const left = () =>
  readdirSync(folder)
    .map((name) => name.replace(/^(\.?)(.)\2*/, '$1$2'))
    .sort();

it('removes what was not used for longest, until the rest fits', () => {
  for (const [i, letter] of ['a', 'b', 'c', 'd'].entries()) file(letter, 100 - 10 * i);
  removeLeastUsed(folder, 4000);
  expect(left()).toHaveLength(4);
  expect(markUsed(join(folder, `${'a'.repeat(32)}.safetensors`))).toBe(true);
  removeLeastUsed(folder, 2500);
  expect(left()).toEqual(['a.safetensors', 'd.safetensors']);
});

it('leaves what was used in the last minutes by whomever, what this process uses, and files that are not its own', () => {
  file('a', 5);
  const own = file('b', 50);
  markUsed(own);
  utimesSync(own, new Date(0), new Date(0)); // a run that takes hours
  file('', 500, 'notes.safetensors');
  file('c', 500, `.${'c'.repeat(32)}.safetensors.8c0b9f42-0000-4000-8000-000000000000.tmp`);
  removeLeastUsed(folder, 1);
  expect(left()).toEqual(['a.safetensors', 'b.safetensors', 'notes.safetensors']);
  expect(markUsed(join(folder, 'none'))).toBe(false);
});

it('lets several processes clear one folder at once', async () => {
  for (let i = 0; i < 200; i++) file('', 20 + i, `${i.toString(16).padStart(32, '0')}.safetensors`);
  const source = readFileSync(join(import.meta.dirname, 'feature-files.ts'), 'utf8');
  const script = join(folder, 'clear.mjs');
  const work = `for (let most = 200_000; most > 50_000; most -= 500) removeLeastUsed(${JSON.stringify(folder)}, most);`;
  writeFileSync(script, `${transformSync(source, { loader: 'ts' }).code}\n${work}`);
  const ends = [1, 2, 3].map(() => once(spawn(process.execPath, [script], { stdio: 'inherit' }), 'exit'));
  expect((await Promise.all(ends)).map(([code]) => code)).toEqual([0, 0, 0]);
  rmSync(script);
  expect(readdirSync(folder).length).toBeLessThanOrEqual(51);
  // what each of them counted may be gone already, so that a little more goes than had to
  expect(readdirSync(folder).length).toBeGreaterThan(40);
});
