import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PairBatch, registerKinds } from '@diptych/core';
import {
  centerCrop,
  compose,
  normalize,
  randomHorizontalFlip,
  randomResizedCrop,
  randomShift,
  resize,
  toTensor,
  kinds as transforms,
} from '@diptych/preprocess/image';
import { tokenizer, kinds as tokenizers } from '@diptych/preprocess/text';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataLoader, type DataLoaderOptions, jsonl, pairs } from '../src/index.js';
import { type BuiltWorker, buildWorker } from './build-worker.js';
import { tempFolder } from './temp-folder.js';

const { folder, write } = tempFolder('preprocess');
const bert = tokenizer(fileURLToPath(new URL('../../../golden/tokenizer/vocab.txt', import.meta.url)));
const loaders: DataLoader[] = [];
let built: BuiltWorker;

beforeAll(async () => {
  built = await buildWorker(folder);
  // in a bundle that worker threads can import without a build of the packages
  registerKinds({ ...transforms, ...tokenizers }, built.preprocess);
  const lines: string[] = [];
  for (let i = 0; i < 40; i++) {
    const noise = Buffer.from(Array.from({ length: 40 * 30 * 3 }, (_, at) => (at * (i + 3) * 17) % 256));
    const file = write(
      `${i}.jpg`,
      await sharp(noise, { raw: { width: 40, height: 30, channels: 3 } })
        .jpeg()
        .toBuffer(),
    );
    if (i % 11 === 4) write(`${i}.jpg`, 'no picture');
    lines.push(JSON.stringify({ image: file, text: `picture number ${i} of a series`, id: String(i) }));
  }
  write('pairs.jsonl', lines.join('\n'));
});
afterAll(() => Promise.all(loaders.map((loader) => loader.close())));

async function batchesOf(options: Partial<DataLoaderOptions>, epoch = 0): Promise<PairBatch[]> {
  const transform = compose([
    randomResizedCrop(24),
    randomHorizontalFlip(),
    randomShift({ pixels: 2, fill: 255 }),
    toTensor(),
    normalize('half'),
  ]);
  const loader = new DataLoader(jsonl(join(folder, 'pairs.jsonl')), {
    transform: transform,
    tokenizer: bert,
    batchSize: 6,
    shuffle: true,
    padToMultipleOf: 8,
    quarantine: false,
    workerFile: built.workerFile,
    ...options,
  });
  loaders.push(loader);
  const batches: PairBatch[] = [];
  for await (const batch of loader.epoch(epoch)) batches.push(batch);
  return batches;
}

describe('with the real transforms and tokenizer', () => {
  it('augmented batches are equal in the main thread, in workers, and with cached pictures', async () => {
    const expected = await batchesOf({});
    expect(expected.map(({ size }) => size)).toEqual([6, 6, 6, 6, 6, 6]);
    expect(expected[0]!.tokens.shape).toEqual([6, 8]);
    expect(expected[0]!.pixels.data.some((value) => value < -0.5)).toBe(true);
    expect(await batchesOf({ workers: 2 })).toEqual(expected);
    expect(await batchesOf({ cache: 'decoded' })).toEqual(expected);
    expect(await batchesOf({ cache: 'decoded', workers: 1 })).toEqual(expected);
    expect((await batchesOf({}, 1))[0]!.pixels.data).not.toEqual(expected[0]!.pixels.data);
  });

  it("output: 'uint8' gives bytes and what is left to do, the same in workers", async () => {
    const floats = await batchesOf({});
    const bytes = await batchesOf({ output: 'uint8' });
    expect(bytes.length).toBe(floats.length);
    for (const [i, { pixels }] of bytes.entries()) {
      const { mean, std } = pixels.normalize!;
      expect(pixels.data).toBeInstanceOf(Uint8Array);
      const worst = Math.max(
        ...Array.from(floats[i]!.pixels.data, (value, at) => {
          const channel = at % 3;
          return Math.abs(value - (pixels.data[at]! / 255 - mean[channel]!) / std[channel]!);
        }),
      );
      expect(worst).toBeLessThan(1e-6);
    }
    expect(await batchesOf({ output: 'uint8', workers: 2 })).toEqual(bytes);
  });

  it('bucketByLength pads real captions by less than 10 %', async () => {
    const require = createRequire(import.meta.url);
    const emoji = require('emojibase-data/en/data.json') as { label: string; tags?: string[] }[];
    const image = { data: new Uint8Array(4 * 4 * 3), width: 4, height: 4 };
    const source = pairs(
      emoji.map(({ label, tags = [] }, i) => ({ image, text: i % 2 ? label : `${label}: ${tags.join(', ')}` })),
    );
    const transform = compose([resize([4, 4]), centerCrop(4), toTensor()]);
    const waste = async (options: Partial<DataLoaderOptions>) => {
      const loader = new DataLoader(source, { transform, tokenizer: bert, batchSize: 32, shuffle: true, ...options });
      let real = 0;
      let padded = 0;
      for await (const { tokens } of loader.epoch(0)) {
        padded += tokens.inputIds.length;
        real += tokens.attentionMask.reduce((sum, one) => sum + one, 0);
      }
      return 1 - real / padded;
    };
    expect(await waste({})).toBeGreaterThan(0.3);
    expect(await waste({ bucketByLength: true })).toBeLessThan(0.1);
  });
});
