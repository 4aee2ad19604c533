import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadConfig } from '../config/load-config.js';
import type { Prompts } from '../terminal/ask-for-config.js';
import { type InitFlags, writeConfig } from './init-run.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-init-'));
  mkdirSync(join(folder, "my 'best' \\ pictures"));
  vi.spyOn(console, 'log').mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  rmSync(folder, { recursive: true });
});

const CANCEL = Symbol('cancel');
/** Answers in turn, and notes what was asked. */
function person(...answers: unknown[]) {
  const asked: string[] = [];
  const answer = async ({ message, validate }: { message: string; validate?: (value: string) => unknown }) => {
    asked.push(message);
    const next = answers.shift();
    if (typeof next === 'string' && validate) expect(validate(next)).toBeUndefined();
    return next;
  };
  const prompts = { text: answer, select: answer, isCancel: (value: unknown) => value === CANCEL };
  const silent = { intro: () => {}, outro: () => {}, cancel: () => {} };
  return { asked, prompts: { ...prompts, ...silent } as unknown as Prompts };
}

const pictures = () => join(folder, "my 'best' \\ pictures");
const start = (more: Partial<InitFlags>, prompts?: Prompts) =>
  writeConfig({ yes: false, force: false, ...more }, folder, prompts);
const written = async () => (await loadConfig(undefined, folder)).config;

it('writes what four answers say, as a configuration that is read', async () => {
  const { asked, prompts } = person(pictures(), 'clip', 'random', join(folder, 'runs'));
  await start({}, prompts);
  expect(asked).toHaveLength(4);
  expect(await written()).toEqual({
    data: pictures(),
    model: 'openai/clip-vit-base-patch32',
    split: 'random',
    runs: join(folder, 'runs'),
  });
  // the folder can be moved
  expect(readFileSync(join(folder, 'diptych.config.ts'), 'utf8')).not.toContain(folder);
});

it('asks only for what flags leave open, and writes nothing for who changes their mind', async () => {
  const one = person('base');
  await start({ data: pictures(), image: 'scratch', text: 'scratch', runs: 'runs', force: true }, one.prompts);
  expect(one.asked).toEqual(['How shall pairs be held out for evaluation?']);
  expect(await written()).toMatchObject({ image: 'scratch', text: 'scratch', split: 'base' });
  rmSync(join(folder, 'diptych.config.ts'));
  const two = person(pictures(), CANCEL);
  await start({}, two.prompts);
  expect(two.asked).toHaveLength(2);
  expect(process.exitCode).toBe(130);
  expect(existsSync(join(folder, 'diptych.config.ts'))).toBe(false);
});

it('asks nothing where nobody answers', async () => {
  await expect(start({})).rejects.toThrow(/expected --data, as nobody is asked, got none/);
  await expect(start({ data: join(folder, 'none') })).rejects.toThrow(/no file/);
  const both = { data: pictures(), image: 'a/b', model: 'a/clip' };
  await expect(start(both)).rejects.toThrow(/--model, or --image and --text/);
  const { asked, prompts } = person();
  await start({ data: pictures(), yes: true }, prompts);
  expect(asked).toEqual([]);
  expect(await written()).toMatchObject({ data: pictures(), split: 'base' });
});

it('leaves a configuration that is there', async () => {
  writeFileSync(join(folder, 'diptych.config.json'), '{ "seed": 3 }');
  await expect(start({ data: pictures() })).rejects.toThrow(/got diptych.config.json; .*--force/);
  expect(await written()).toEqual({ seed: 3 });
  await start({ data: pictures(), force: true });
  expect(await written()).toMatchObject({ split: 'base' });
  expect(vi.mocked(console.log).mock.calls.flat().join('\n')).toContain('diptych.config.json is no longer read');
});
