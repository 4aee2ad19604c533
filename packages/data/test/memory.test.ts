import { linkSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { registerKinds } from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { DataLoader, type PairSource, pairs, webdataset } from '../src/index.js';
import { buildWorker } from './build-worker.js';
import { FakeTokenizer, FakeTransform, fakeImage, kinds } from './fake-parts.js';
import { makeTar, type TarMember } from './make-tar.js';
import { tempFolder } from './temp-folder.js';

const { folder, write } = tempFolder('memory');

/** The most memory that an epoch took beyond what there was, in MiB, and its pairs. */
async function epochOf(source: PairSource, bytes?: number): Promise<{ pairs: number; peak: number }> {
  const loader = new DataLoader(source, {
    transform: new FakeTransform(),
    tokenizer: new FakeTokenizer(),
    batchSize: 256,
    shuffle: true,
    unique: true,
    quarantine: false,
    ...(bytes && { buffer: { bytes } }),
  });
  let pairs = 0;
  let peak = 0;
  const before = process.memoryUsage().rss;
  for await (const { size } of loader.epoch(0)) {
    pairs += size;
    peak = Math.max(peak, process.memoryUsage().rss - before);
  }
  return { pairs, peak: peak / 2 ** 20 };
}

describe('memory stays bounded', () => {
  it('receiving large batches from a worker', async () => {
    const { workerFile, module } = await buildWorker(folder);
    registerKinds(kinds, module);
    const loader = new DataLoader(
      pairs(Array.from({ length: 6400 }, (_, i) => ({ image: fakeImage(i % 256), text: `caption ${i}` }))),
      {
        transform: new FakeTransform({ size: 160 }),
        tokenizer: new FakeTokenizer(),
        batchSize: 64,
        workers: 1,
        workerFile,
      },
    );
    let peak = 0;
    let bytes = 0;
    const before = process.memoryUsage().rss;
    for await (const { pixels } of loader.epoch(0)) {
      bytes += pixels.data.byteLength;
      peak = Math.max(peak, process.memoryUsage().rss - before);
    }
    await loader.close();
    expect(bytes / 2 ** 20).toBeGreaterThan(1800);
    expect(peak / 2 ** 20).toBeLessThan(500);
  }, 120_000);

  it('streaming many small pairs from shards (bench/data.bench.mjs: a million)', async () => {
    const members = Array.from({ length: 4000 }, (_, i): TarMember[] => [
      [`${i}.jpg`, fakeImage(i % 256)],
      [`${i}.txt`, `caption ${i} of the shard`],
    ]).flat();
    const first = write('s-0.tar', await makeTar(members));
    for (let n = 1; n < 6; n++) linkSync(first, join(folder, `s-${n}.tar`));
    const { pairs, peak } = await epochOf(webdataset(join(folder, 's-{0..5}.tar')));
    expect(pairs).toBe(24_000);
    expect(peak).toBeLessThan(300);
  }, 120_000);

  it('streaming compressed shards, whose images pass through the shuffle buffer', async () => {
    const noise = (i: number) =>
      Buffer.from(Uint32Array.from({ length: 5000 }, (_, at) => (at + 1) * (i + 7) * 2654435761).buffer);
    const members = Array.from({ length: 500 }, (_, i): TarMember[] => [
      [`${i}.jpg`, i % 2 ? Buffer.concat([fakeImage(i % 256)]) : noise(i)],
      [`${i}.txt`, `caption ${i} of the shard`],
    ]).flat();
    const first = write('z-0.tar.gz', gzipSync(await makeTar(members), { level: 1 }));
    for (let n = 1; n < 24; n++) linkSync(first, join(folder, `z-${n}.tar.gz`));
    // 120 MB of images, half of them not decodable, through a buffer of 16 MiB.
    const { pairs, peak } = await epochOf(webdataset(join(folder, 'z-{0..23}.tar.gz')), 16 * 2 ** 20);
    expect(pairs).toBe(6_000);
    expect(peak).toBeLessThan(250);
  }, 120_000);
});
