import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { csv, folder, iterable, jsonl, type PairRecord, type PairSource, pairs } from '@diptych/data';
import { afterAll, describe, expect, it } from 'vitest';
import { runChecks } from './check.js';
import { sourceChecks, testSource } from './source-contract.js';

const root = mkdtempSync(join(tmpdir(), 'diptych-source-'));
afterAll(() => rmSync(root, { recursive: true }));
const image = { data: new Uint8Array(3), width: 1, height: 1 };
const items = Array.from({ length: 20 }, (_, i) => ({ image, text: `text ${i}`, labels: { group: i % 3 } }));
const lines = items.map(({ text }, i) => JSON.stringify({ image: `${i}.png`, text }));
writeFileSync(join(root, 'a.jsonl'), lines.slice(0, 12).join('\n'));
writeFileSync(join(root, 'b.jsonl'), [...lines.slice(12), '{"image": 1}'].join('\n'));
writeFileSync(join(root, 'c.csv'), `image,text\n${items.map(({ text }, i) => `${i}.png,${text}`).join('\n')}`);
for (const i of [0, 1, 2])
  for (const [suffix, text] of [
    ['png', ''],
    ['txt', 'a text'],
  ])
    writeFileSync(join(root, `${i}.${suffix}`), text!);

const files = () => jsonl(`${root}/{a,b}.jsonl`);
const memory = () => pairs(items, { labels: { group: 'class' } });
const runner = { describe, it };
testSource(runner, 'jsonl', { create: files });
testSource(runner, 'csv', { create: () => csv(`${root}/c.csv`) });
testSource(runner, 'folder', { create: () => folder(root) });
testSource(runner, 'pairs', { create: memory });
testSource(runner, 'iterable', { create: () => iterable(() => items) });

describe('sourceChecks', () => {
  it.each<[string, RegExp, (record: PairRecord, n: number) => PairRecord]>([
    ['ids that change', /same records/, (record) => ({ ...record, id: `${Math.random()}` })],
    ['equal items', /number of their own/, (record) => ({ ...record, item: 0 })],
    ['undeclared labels', /number of their own/, (record) => ({ ...record, labels: { x: 'y' } })],
    ['no captions', /number of their own/, (record) => ({ ...record, text: [] })],
  ])('finds %s', async (_, check, spoil) => {
    const source = memory();
    const spoilt: PairSource = {
      ...source,
      async *read(context) {
        let n = 0;
        for await (const record of source.read(context)) yield spoil(record, n++);
      },
    };
    const failures = await runChecks(sourceChecks({ create: () => spoilt }));
    expect(failures.map(({ name }) => name).join()).toMatch(check);
  });

  it('finds a source that ignores its share', async () => {
    const source = memory();
    const whole: PairSource = {
      ...source,
      read: (context) => source.read({ ...context, shard: { index: 0, count: 1 } }),
    };
    const failures = await runChecks(sourceChecks({ create: () => whole }));
    expect(failures.map(({ name }) => name)).toEqual(['is divided among readers without a rest and without overlap']);
  });
});
