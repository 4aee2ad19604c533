import '@diptych/tfjs-backend-onnxruntime';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { squares } from '../../test/squares.js';
import { tinyTowers } from '../../test/tiny-towers.js';
import { type InspectFlags, inspectData } from './inspect-run.js';

let folder: string;
let pictures: string;
let said: string[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-inspect-'));
  pictures = await squares(join(folder, 'pictures'), 1);
  writeFileSync(join(pictures, 'a_broken_one.png'), 'no picture');
  const again = sharp(join(pictures, 'dark-red-0.png')).resize(40, 28, { kernel: 'nearest' });
  writeFileSync(join(pictures, 'red square \u202e.png'), await again.png().toBuffer());
  vi.spyOn(console, 'log').mockImplementation((text: string) => void said.push(text));
});
afterEach(() => {
  process.exitCode = undefined;
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

async function look(path?: string, flags: Partial<InspectFlags> = {}): Promise<string> {
  said = [];
  await inspectData({ headers: false, json: false, ...flags }, path);
  return said.join('\n');
}

it('counts, and says what cannot be used, a name and a value a line where nobody looks', async () => {
  const quarantine = join(folder, 'bad.jsonl');
  const lines = (await look(pictures, { quarantine })).split('\n');
  for (const line of [
    'pairs\t7',
    'format.png\t7',
    'width-pixels.max\t40',
    'unusable\t1',
    'unusable.undecodable-image\t1',
  ]) {
    expect(lines).toContain(line);
  }
  // a dark red square: 4 words, and [CLS] and [SEP]
  expect(lines).toContain('tokens.max\t6');
  expect(lines).toContain('duplicates.near-images\t1');
  expect(lines.every((line) => /^[a-z0-9.-]+\t\P{Cc}*$/u.test(line) && !line.includes('\u202e'))).toBe(true);
  expect(readFileSync(quarantine, 'utf8')).toContain('a_broken_one.png');
  expect(process.exitCode).toBeUndefined();
});

it('gives JSON, or a table on a terminal', async () => {
  const found = JSON.parse(await look(pictures, { json: true, headers: true }));
  expect(found).toMatchObject({ records: 7, bad: { total: 1 } });
  expect(found.duplicates.nearImages).toBeUndefined();
  const { isTTY } = process.stdout;
  process.stdout.isTTY = true;
  try {
    expect(await look(pictures, { limit: 3 })).toMatch(/min to max\n(.*\n)*duplicates/);
  } finally {
    process.stdout.isTTY = isTTY;
  }
});

it("counts a tower's own tokens", async () => {
  const { text } = await tinyTowers(join(folder, 'towers'));
  const found = JSON.parse(await look(pictures, { json: true, text }));
  expect(found.tokens.max).toBe(6);
});

it('looks at the data of a configuration, also at pairs that it makes', async () => {
  const config = join(folder, 'own.config.mjs');
  const image = join(pictures, 'dark-red-0.png');
  writeFileSync(
    config,
    `export default { data: { name: 'mine', pairs: () => [{ id: 'a', group: 'a', image: ${JSON.stringify(image)}, text: 'red' }] } }`,
  );
  expect(JSON.parse(await look(undefined, { json: true, config }))).toMatchObject({ source: 'mine', records: 1 });
});

it('fails where there is nothing to train on', async () => {
  const empty = join(folder, 'empty.jsonl');
  writeFileSync(empty, '{"image": "gone.png", "text": "gone"}\n');
  expect(await look(empty)).toContain('unusable.missing-file\t1');
  expect(process.exitCode).toBe(1);
  await expect(look()).rejects.toThrow('diptych inspect: expected captioned pictures, got none');
  await expect(look(join(folder, 'none.csv'))).rejects.toThrow(/expected a table of pairs/);
});
