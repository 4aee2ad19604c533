import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkConfig, loadConfig } from './load-config.js';

const folder = () => mkdtempSync(join(tmpdir(), 'diptych-config-'));
const write = (name: string, text: string, at = folder()) => {
  writeFileSync(join(at, name), text);
  return at;
};

describe('loadConfig', () => {
  it('runs TypeScript with files beside it, and counts paths from its folder', async () => {
    const at = write(
      'diptych.config.ts',
      "import { seed } from './seed.js';\nexport default { data: 'pairs.jsonl', seed };",
    );
    write('seed.ts', 'export const seed: number = 3;', at);
    const { file, config } = await loadConfig(undefined, at);
    expect(file).toBe(join(at, 'diptych.config.ts'));
    expect(config).toEqual({ data: join(at, 'pairs.jsonl'), seed: 3 });
  });

  it.each([
    ['diptych.config.js', "export default { split: 'random' };"],
    ['diptych.config.mjs', "export default { split: 'random' };"],
    ['diptych.config.json', '{ "split": "random" }'],
  ])('reads %s', async (name, text) => {
    expect((await loadConfig(undefined, write(name, text))).config).toEqual({ split: 'random' });
  });

  it('does without, but not without one that was asked for', async () => {
    expect(await loadConfig(undefined, folder())).toEqual({ file: undefined, config: {} });
    await expect(loadConfig('none.ts', folder())).rejects.toThrow(
      '--config: expected a configuration file, got no file none.ts',
    );
  });

  it('says which file does not run', async () => {
    const at = write('diptych.config.ts', "throw new Error('no such luck');");
    await expect(loadConfig(undefined, at)).rejects.toThrow(/diptych\.config\.ts: it cannot be run: no such luck/);
  });
});

describe('checkConfig', () => {
  it.each([
    [{ sede: 1 }, /c\.ts: expected the keys .*seed.*, got sede; did you mean seed\?/],
    [{ split: 'fair' }, /c\.ts: split: expected \("random" \| "base"\), got "fair"/],
    [{ seed: 1.5 }, /c\.ts: seed: /],
    [
      { data: { name: 'mine', pair: [] } },
      /c\.ts: expected the keys name, about, pairs, got data.pair; did you mean pairs\?/,
    ],
    [{ data: { name: 'mine' } }, /c\.ts: data.pairs: expected "pairs", got undefined/],
    [{ data: 7 }, /c\.ts: data: expected string, got 7/],
    [undefined, /c\.ts: expected export default/],
  ])('%o: names the key', (value, message) => {
    expect(() => checkConfig('c.ts', value)).toThrow(message);
  });
});
