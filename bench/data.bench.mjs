/**
 * The data loader: a million pairs in shards within bounded memory, resumption in mid-epoch, decoding in workers, padding.
 *
 *     npm run build && node bench/data.bench.mjs            # or: data.bench.mjs 100000, for fewer pairs
 *
 * Prints JSON lines { name, value, unit }. Each part runs in a process of its own, so that memory is that part's.
 */
import { execFileSync } from 'node:child_process';
import { createWriteStream, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { csv, DataLoader, jsonl, pairs, plainRead, webdataset } from '@diptych/data';
import { compose, imageTransform, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import sharp from 'sharp';
import { pack } from 'tar-stream';

const root = fileURLToPath(new URL('..', import.meta.url));
const vocabulary = join(root, 'golden/tokenizer/vocab.txt');
const [count = '1000000', part, folder] = process.argv.slice(2);
const PAIRS = Number(count);
const PER_SHARD = 10_000;
const WARM_UP = 8;
const SHARDS = Math.ceil(PAIRS / PER_SHARD);

/** Takes the picture's first bytes for its pixels: decoding is measured elsewhere. */
const raw = {
  outputShape: [8, 8, 3],
  async into(image, target, offset) {
    for (let i = 0; i < 192; i++) target[offset + i] = image[i % image.length];
  },
  describe: () => ({ kind: 'bench/raw', options: {} }),
};

const parts = { stream, resume, workers, batches224, padding, readers };
if (part) await parts[part](folder);
else await main();

async function main() {
  const workplace = mkdtempSync(join(tmpdir(), 'diptych-data-'));
  try {
    await makeShards(workplace);
    for (const name of Object.keys(parts)) {
      execFileSync(process.execPath, [fileURLToPath(import.meta.url), count, name, workplace], { stdio: 'inherit' });
    }
  } finally {
    rmSync(workplace, { recursive: true, force: true });
  }
}

/** Ten shards of 10,000 pairs with 8 x 8 pictures, under as many names as the million needs. */
async function makeShards(workplace) {
  const different = Math.min(10, SHARDS);
  for (let shard = 0; shard < different; shard++) {
    const pictures = await Promise.all(
      Array.from({ length: 64 }, (_, i) =>
        sharp({ create: { width: 8, height: 8, channels: 3, background: { r: i * 4, g: shard * 20, b: 99 } } })
          .png()
          .toBuffer(),
      ),
    );
    const archive = pack();
    const written = pipeline(archive, createWriteStream(join(workplace, shardName(shard))));
    for (let i = 0; i < PER_SHARD; i++) {
      const name = `${shard}-${String(i).padStart(5, '0')}`;
      archive.entry({ name: `${name}.png` }, pictures[i % 64]);
      await new Promise((resolve) => archive.entry({ name: `${name}.txt` }, `caption ${i} of shard ${shard}`, resolve));
    }
    archive.finalize();
    await written;
  }
  for (let shard = different; shard < SHARDS; shard++) {
    linkSync(join(workplace, shardName(shard % different)), join(workplace, shardName(shard)));
  }
  mkdirSync(join(workplace, 'photos'));
  for (const name of ['astronaut', 'chelsea', 'coffee', 'gray']) {
    const picture = await compose([resize([375, 500], 'bicubic')]).pixels(
      join(root, `golden/resize/sources/${name}.png`),
    );
    const raw = { width: picture.width, height: picture.height, channels: 3 };
    await sharp(picture.data, { raw })
      .jpeg({ quality: 90 })
      .toFile(join(workplace, 'photos', `${name}.jpg`));
  }
}

function streamed(extra = {}) {
  return {
    transform: raw,
    tokenizer: tokenizer(vocabulary),
    batchSize: 256,
    shuffle: true,
    dropLast: true,
    maxLength: 16,
    padToMultipleOf: 16,
    ...extra,
  };
}

function shardName(shard) {
  return `s-${String(shard).padStart(3, '0')}.tar`;
}

function shards(workplace) {
  return webdataset(join(workplace, `s-{000..${String(SHARDS - 1).padStart(3, '0')}}.tar`));
}

/** A whole epoch in shuffled order without duplicates in a batch. */
async function stream(workplace) {
  const loader = new DataLoader(shards(workplace), streamed({ unique: true }));
  const started = performance.now();
  let peak = 0;
  let pairsRead = 0;
  for await (const batch of loader.epoch(0)) {
    pairsRead += batch.size;
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  print('data/stream/pairs', pairsRead, 'pairs');
  print('data/stream/speed', pairsRead / seconds(started), 'pairs/s');
  print('data/stream/peak_rss', peak / 2 ** 20, 'MiB');
  await loader.close();
}

/** From a saved state in the midst of the epoch to the next batch. */
async function resume(workplace) {
  const first = new DataLoader(shards(workplace), streamed());
  const batches = Math.floor(PAIRS / 256 / 2);
  const state = { ...first.state(), batches, planned: batches };
  const loader = new DataLoader(shards(workplace), streamed());
  loader.resume(state);
  const started = performance.now();
  const epoch = loader.epoch(0);
  await epoch.next();
  print('data/resume/after', batches * 256, 'pairs');
  print('data/resume/time', seconds(started), 's');
  print('data/resume/state', JSON.stringify(loader.state()).length, 'bytes');
  await epoch.return();
}

/** JPEGs of 500 x 375 to 224 x 224 and BERT's tokens, a batch of 32: does a picture cost more with more workers? */
async function workers(workplace) {
  for (const count of [0, 1, 2]) {
    const loader = new DataLoader(photos(workplace, 1536), {
      transform: imageTransform('imagenet'),
      tokenizer: tokenizer(vocabulary),
      batchSize: 32,
      workers: count,
    });
    let started;
    let cpu;
    let images = 0;
    let batches = 0;
    for await (const batch of loader.epoch(0)) {
      // From the ninth batch on: threads take a while to start, and their code to be compiled.
      if (++batches > WARM_UP) images += batch.size;
      if (batches !== WARM_UP) continue;
      started = performance.now();
      cpu = process.cpuUsage();
    }
    const { user, system } = process.cpuUsage(cpu);
    const wall = seconds(started);
    print(`data/decode/workers_${count}`, images / wall, 'images/s');
    // What other work on the machine hardly changes: a picture's cost, and how many cores were had.
    print(`data/decode/workers_${count}/cpu`, (user + system) / 1000 / images, 'ms an image');
    print(`data/decode/workers_${count}/cores`, (user + system) / 1e6 / wall, 'cores');
    await loader.close();
  }
}

/** Peak memory of batches of 64 pictures of 224 x 224 (37 MiB as floats), over 100 batches. */
async function batches224(workplace) {
  for (const [name, options] of [
    ['float32', {}],
    ['uint8', { output: 'uint8' }],
  ]) {
    const loader = new DataLoader(photos(workplace, 6400), {
      transform: imageTransform('imagenet'),
      tokenizer: tokenizer(vocabulary),
      batchSize: 64,
      workers: 1,
      ...options,
    });
    let peak = 0;
    let bytes = 0;
    for await (const { pixels } of loader.epoch(0)) {
      bytes = pixels.data.byteLength;
      peak = Math.max(peak, process.memoryUsage().rss);
    }
    print(`data/memory_224/${name}/batch`, bytes / 2 ** 20, 'MiB');
    print(`data/memory_224/${name}/peak_rss`, peak / 2 ** 20, 'MiB');
    await loader.close();
  }
}

/** Share of padding among the tokens, with emoji names and tags as captions. */
async function padding() {
  const emoji = createRequire(import.meta.url)('emojibase-data/en/data.json');
  const image = { data: new Uint8Array(3), width: 1, height: 1 };
  const source = pairs(
    emoji.map(({ label, tags = [] }, i) => ({ image, text: i % 2 ? label : `${label}: ${tags.join(', ')}` })),
  );
  for (const bucketByLength of [false, true]) {
    const loader = new DataLoader(source, {
      transform: compose([resize([1, 1]), toTensor()]),
      tokenizer: tokenizer(vocabulary),
      batchSize: 64,
      shuffle: true,
      bucketByLength,
    });
    let real = 0;
    let padded = 0;
    for await (const { tokens } of loader.epoch(0)) {
      padded += tokens.inputIds.length;
      real += tokens.attentionMask.reduce((sum, one) => sum + one, 0);
    }
    print(`data/padding/${bucketByLength ? 'buckets' : 'shuffled'}`, 100 * (1 - real / padded), '%');
  }
}

/** Records a second of the readers alone. */
async function readers(workplace) {
  const rows = 200_000;
  const json = join(workplace, 'rows.jsonl');
  writeFileSync(
    json,
    Array.from({ length: rows }, (_, i) => `{"image":"photos/${i}.jpg","text":"caption number ${i}"}\n`).join(''),
  );
  const table = join(workplace, 'rows.csv');
  writeFileSync(
    table,
    `image,text\n${Array.from({ length: rows }, (_, i) => `photos/${i}.jpg,"caption, number ${i}"\n`).join('')}`,
  );
  for (const [name, source] of [
    ['jsonl', jsonl(json)],
    ['csv_quoted', csv(table)],
    ['tar', webdataset(join(workplace, 's-000.tar'))],
  ]) {
    const started = performance.now();
    let count = 0;
    for await (const _ of source.read(
      plainRead((error) => {
        throw error;
      }),
    ))
      count++;
    print(`data/read/${name}`, count / seconds(started), 'records/s');
  }
}

function photos(workplace, count) {
  const files = ['astronaut', 'chelsea', 'coffee', 'gray'].map((name) => join(workplace, 'photos', `${name}.jpg`));
  const bytes = files.map((file) => readFileSync(file));
  return pairs(Array.from({ length: count }, (_, i) => ({ image: bytes[i % 4], text: `a photograph, number ${i}` })));
}

function seconds(started) {
  return (performance.now() - started) / 1000;
}

function print(name, value, unit) {
  console.log(JSON.stringify({ name, value: Number(value.toPrecision(4)), unit }));
}
