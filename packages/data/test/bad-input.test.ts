import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDiptychError } from '@diptych/core';
import { centerCrop, compose, normalize, resize, toTensor } from '@diptych/preprocess/image';
import { beforeAll, describe, expect, it } from 'vitest';
import { DataLoader, type DataLoaderOptions, type PairSource } from '../src/index.js';
import { FakeTokenizer } from './fake-parts.js';
import { type BadSource, makeCorpus } from './make-corpus.js';
import { tempFolder } from './temp-folder.js';

const { folder } = tempFolder('corpus');
const transform = compose([resize(16), centerCrop(16), toTensor(), normalize('half')]);
let corpus: BadSource[];

beforeAll(async () => {
  corpus = await makeCorpus(folder);
});

function load(source: PairSource, options: Partial<DataLoaderOptions> = {}): DataLoader {
  return new DataLoader(source, { transform, tokenizer: new FakeTokenizer(), batchSize: 4, ...options });
}

async function countPairs(loader: DataLoader): Promise<number> {
  let pairs = 0;
  for await (const { size } of loader.epoch(0)) pairs += size;
  return pairs;
}

describe('the corpus of bad input', () => {
  it('holds more than 40 kinds', () => {
    expect(corpus.length).toBeGreaterThan(70);
  });

  it('by default: each bad item is passed over, counted and noted, and the good ones come through', async () => {
    let peak = 0;
    const before = process.memoryUsage().rss;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss - before);
    }, 5);
    for (const { name, source, reasons, good, where } of corpus) {
      const quarantine = join(folder, `${name.replace(/\W/g, '-')}.quarantine.jsonl`);
      const loader = load(source, { quarantine });
      const pairs = await countPairs(loader).catch((error: unknown) => {
        // An epoch without one good pair says so, and why.
        if (good > 0 || !isDiptychError(error) || !/no batch could be made/.test(error.message)) throw error;
        return 0;
      });
      if (good >= 0) expect([name, pairs]).toEqual([name, good]);
      const notes = readFileSync(quarantine, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect([name, ...notes.map(({ reason }) => reason).sort()]).toEqual([name, ...[...reasons].sort()]);
      expect(loader.stats.bad.total).toBe(reasons.length);
      for (const note of notes) {
        expect(note.where).toMatch(where);
        expect(note.message.length).toBeLessThan(1100);
      }
    }
    clearInterval(watch);
    expect(peak / 2 ** 20).toBeLessThan(400);
  }, 120_000);

  it('in strict mode: the first bad item is thrown, with its place and a remedy', async () => {
    for (const { name, source, reasons, where } of corpus) {
      const error: unknown = await countPairs(load(source, { strict: true })).catch((thrown: unknown) => thrown);
      if (!isDiptychError(error)) throw new Error(`${name}: ${String(error)}`);
      expect([name, error.code, error.name]).toEqual([name, 'input', 'DataError']);
      expect(error.where).toMatch(where);
      expect(reasons).toContain((error as unknown as { reason: string }).reason);
      expect(error.remedy).toMatch(/\w/);
    }
  }, 120_000);
});
