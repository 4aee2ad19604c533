import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { csv, DataError, inspect, jsonl, type PairSource, pairs, parquet, webdataset } from '../src/index.js';
import { isInside } from '../src/io/image-path.js';
import { makeTar } from './make-tar.js';
import { readAll } from './read-all.js';
import { storeZstd } from './store-zstd.js';
import { tempFolder } from './temp-folder.js';

const { folder } = tempFolder('fuzz');

/** 10,000 cases in all; DIPTYCH_FUZZ multiplies them, DIPTYCH_FUZZ_SEED gives others. */
const factor = Number(process.env.DIPTYCH_FUZZ ?? 1);
const seed = Number(process.env.DIPTYCH_FUZZ_SEED ?? 1);

/** What happens to a good file: bytes flipped, overwritten, cut out or put in, the end cut off. */
const mutation = fc.record({
  edits: fc.array(
    fc.record({
      place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      kind: fc.constantFrom('flip', 'set', 'remove', 'insert', 'repeat'),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    }),
    { minLength: 1, maxLength: 6 },
  ),
  keep: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.double({ min: 0, max: 1, noNaN: true })),
});
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

function mutate(original: Uint8Array, { edits, keep }: Mutation): Buffer {
  let bytes = Buffer.from(original);
  for (const { place, kind, bytes: content } of edits) {
    const at = Math.floor(place * bytes.length);
    if (kind === 'flip' && bytes.length > 0) bytes[at]! ^= 1 << (content[0]! & 7);
    else if (kind === 'set') bytes.set(content.subarray(0, bytes.length - at), at);
    else if (kind === 'remove') bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + content[0]!)]);
    else if (kind === 'insert') bytes = Buffer.concat([bytes.subarray(0, at), content, bytes.subarray(at)]);
    else bytes = Buffer.concat([bytes.subarray(0, at + content[0]! * 4), bytes.subarray(at)]);
  }
  return bytes.subarray(0, Math.ceil(bytes.length * keep));
}

/** Reads a mutated file: good records and data errors may come of it, nothing else, in bounded time and memory. */
async function survives(source: PairSource): Promise<void> {
  const { records, bad } = await readAll(source);
  for (const { image, text, id, item } of records) {
    for (const caption of typeof text === 'string' ? [text] : text) {
      if (caption.trim() === '' || /\p{Surrogate}/u.test(caption)) throw new Error(`bad caption ${caption}`);
    }
    if (text.length === 0 || id === '' || !Number.isSafeInteger(item)) throw new Error('bad record');
    if (image.kind === 'file' && !isInside(folder, image.path)) throw new Error(`left the root: ${image.path}`);
    if (image.kind === 'slice' && !(image.offset >= 0 && image.length > 0)) throw new Error('bad slice');
  }
  for (const error of bad) {
    if (!(error instanceof DataError) || !error.remedy || !error.where.includes('fuzz.')) throw error;
  }
}

const lines = Array.from({ length: 12 }, (_, i) =>
  JSON.stringify({ image: `a/${i}.jpg`, text: i % 3 ? `caption ${i} \u00e9\u{1f600}` : ['one', 'two'], id: i }),
);
const rows = Array.from({ length: 12 }, (_, i) => `a/${i}.jpg,"caption, ""${i}""\nand more",${i}\n`);
const table = new Uint8Array(
  parquetWriteBuffer({
    columnData: [
      { name: 'image', data: Array.from({ length: 20 }, (_, i) => Uint8Array.of(i, i, i)), type: 'BYTE_ARRAY' },
      { name: 'text', data: Array.from({ length: 20 }, (_, i) => `caption ${i % 7}`), type: 'STRING' },
      { name: 'id', data: Array.from({ length: 20 }, (_, i) => i), type: 'INT32' },
    ],
    rowGroupSize: 8,
  }),
);
let tar: Buffer;
beforeAll(async () => {
  tar = await makeTar(
    Array.from({ length: 6 }, (_, i): [string, string][] => [
      [`${i % 2 ? 'deep/'.repeat(30) : ''}${i}.jpg`, `picture ${i}`.repeat(60)],
      [`${i % 2 ? 'deep/'.repeat(30) : ''}${i}.json`, lines[i]!],
    ]).flat(),
  );
});

const formats: [string, number, () => Uint8Array, (file: string) => PairSource][] = [
  ['jsonl', 2000, () => Buffer.from(lines.join('\n')), (file) => jsonl(file, { maxLineBytes: 5000 })],
  ['csv', 2000, () => Buffer.from(`image,text,id\n${rows.join('')}`), (file) => csv(file)],
  ['tar', 2000, () => tar, (file) => webdataset(file)],
  ['parquet', 2000, () => table, (file) => parquet(file)],
  ['jsonl.gz', 700, () => gzipSync(lines.join('\n')), (file) => jsonl(file)],
  ['tar.gz', 300, () => gzipSync(tar), (file) => webdataset(file)],
  ['jsonl.zst', 700, () => storeZstd(Buffer.from(lines.join('\n')), 100), (file) => jsonl(file)],
  ['tar.zst', 300, () => storeZstd(tar, 600), (file) => webdataset(file)],
];

describe('more than 10,000 damaged files give records and data errors, nothing else', () => {
  it.each(formats)(
    '%s (%i)',
    async (extension, runs, make, open) => {
      const original = make();
      const before = process.memoryUsage().rss;
      let peak = 0;
      await fc.assert(
        fc.asyncProperty(mutation, async (change) => {
          const file = join(folder, `fuzz.${extension}`);
          writeFileSync(file, mutate(original, change));
          const started = performance.now();
          await survives(open(file));
          if (performance.now() - started > 5000) throw new Error('took longer than five seconds');
          peak = Math.max(peak, process.memoryUsage().rss - before);
        }),
        { numRuns: runs * factor, seed, endOnFailure: true },
      );
      expect(peak / 2 ** 20).toBeLessThan(400);
    },
    600_000,
  );

  it('inspect, on images of six formats (1200)', async () => {
    const picture = sharp({ create: { width: 20, height: 10, channels: 3, background: '#c84' } });
    const images = await Promise.all(
      (['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const).map((format) =>
        picture.clone().toFormat(format).toBuffer(),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...images), mutation, async (image, change) => {
        const started = performance.now();
        const { records, bad } = await inspect(
          pairs([{ image: new Uint8Array(mutate(image, change)), text: 'a caption' }]),
        );
        if (records + bad.total !== 1) throw new Error('neither good nor bad');
        if (performance.now() - started > 5000) throw new Error('took longer than five seconds');
      }),
      { numRuns: 1200 * factor, seed, endOnFailure: true },
    );
  }, 600_000);
});
