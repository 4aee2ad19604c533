// Every class and function that a package exports, called with nothing, with what it cannot mean, and with options that nobody knows: each
// call works, or ends in a DiptychError that says what to do, and leaves no tensor behind. The list is what the packages export: a new
// export has its row by itself. What is particular to one call stands in misuse.test.ts.
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isDiptychError } from '@diptych/core';
import { disposeNested } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXEMPT, EXEMPT_ENTRIES } from './entry-points-exempt.js';

const root = resolve(import.meta.dirname, '..');

/** Every entry of every package, `@diptych/train/node`. */
const entries = readdirSync(join(root, 'packages'))
  .filter((folder) => existsSync(join(root, 'packages', folder, 'package.json')))
  .flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'));
    const paths = Object.keys(manifest.exports ?? {}).filter((path) => path !== './package.json');
    return paths.map((path) => manifest.name + path.slice(1));
  })
  .filter((entry) => !Object.hasOwn(EXEMPT_ENTRIES, entry))
  // the umbrella last: what it passes on is asked under its own package's name
  .sort((a, b) => Number(a.startsWith('diptych')) - Number(b.startsWith('diptych')));

type Given = readonly unknown[];

/** Arguments that hardly any function can mean. */
const WRONG: readonly Given[] = [
  [],
  [null],
  [3],
  [Number.NaN],
  ['a'],
  [{}],
  [[]],
  [[null]],
  [null, null, null],
  [{ unknownOption: 1 }],
  [{}, { unknownOption: 1 }],
];

// biome-ignore lint/suspicious/noExplicitAny: what this test gives is wrong on purpose
type Any = any;

const isClass = (value: object) => /^class\b/.test(Function.prototype.toString.call(value));
const printed = (given: Given) => given.map((one) => JSON.stringify(one) ?? String(one)).join(', ');

async function call(target: Any, given: Given): Promise<{ error?: unknown }> {
  try {
    const value = await (isClass(target) ? new target(...given) : target(...given));
    if (typeof value?.dispose === 'function') value.dispose();
    else disposeNested(value);
    return {};
  } catch (error) {
    return { error: error ?? 'nothing' };
  }
}

const loaded = await Promise.all(entries.map(async (entry) => [entry, (await import(entry)) as object] as const));
const seen = new Set<unknown>();
const rows = loaded.flatMap(([entry, exported]) =>
  Object.entries(exported).flatMap(([name, value]) => {
    // a package that re-exports another's is not asked again
    if (typeof value !== 'function' || seen.has(value)) return [];
    seen.add(value);
    return [[`${entry} ${name}`, value] as const];
  }),
);

describe('what the packages export', () => {
  const before = process.cwd();
  beforeAll(async () => {
    // calls that take `a` for a path write there, and none asks a hub
    process.chdir(mkdtempSync(join(tmpdir(), 'diptych-entry-points-')));
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    vi.stubEnv('HF_HOME', process.cwd());
    await tf.setBackend('cpu');
  });
  afterAll(() => {
    process.chdir(before);
    vi.unstubAllEnvs();
  });

  it.each(rows.filter(([name]) => !Object.hasOwn(EXEMPT, name)))('%s', async (_, target) => {
    const raw: string[] = [];
    for (const given of WRONG) {
      const tensors = tf.memory().numTensors;
      const { error } = await call(target, given);
      if (error === undefined) continue;
      if (!isDiptychError(error)) raw.push(`(${printed(given)}): ${error}`);
      const left = tf.memory().numTensors - tensors;
      if (left !== 0) raw.push(`(${printed(given)}): ${left} tensors are left`);
    }
    await tf.setBackend('cpu');
    expect(raw).toEqual([]);
  });

  it('has no exemption that is not needed any more', () => {
    const names = new Set<string>(rows.map(([name]) => name));
    expect(Object.keys(EXEMPT).filter((name) => !names.has(name))).toEqual([]);
  });
});
