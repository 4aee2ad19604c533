/**
 * Preprocessing beside Python: torchvision on PIL, and the fast BERT tokenizer. Images are awaited one at a time.
 *
 *     npm run build && node bench/preprocess.bench.mjs
 *
 * DIPTYCH_PYTHON names a Python with torch, torchvision, pillow and transformers; without it only our side is
 * measured. Prints JSON lines { name, value, unit }: items a second in the best tenth of short passes of the best of
 * five rounds (other work on the machine disturbs these least), their ratio to Python's, and the ratio of processor time.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { compose, imageTransform, normalize, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import sharp from 'sharp';

const root = fileURLToPath(new URL('..', import.meta.url));
const ROUNDS = 5;
const SECONDS = 0.5;
const context = { training: false, seed: 0, epoch: 0, item: 0 };

sharp.concurrency(1);
sharp.cache(false);
if (isMainThread) await main();
else await work();

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'diptych-bench-'));
  try {
    const inputs = await makeInputs(folder);
    const ours = [];
    const theirs = [];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await measure(inputs));
      const python = runPython(inputs);
      if (python) theirs.push(python);
    }
    for (const name of Object.keys(ours[0])) {
      const unit = name.startsWith('tokens') ? 'captions/s' : 'images/s';
      const best = Math.max(...ours.map((round) => round[name].rate));
      print(`preprocess/${name}`, best, unit);
      if (theirs[0]?.[name] === undefined) continue;
      const reference = Math.max(...theirs.map((round) => round[name].rate));
      print(`preprocess/${name}/python`, reference, unit);
      print(`preprocess/${name}/ratio`, best / reference, 'x');
      print(`preprocess/${name}/cpu_ratio`, median(ours.map((round, i) => theirs[i][name].cpu / round[name].cpu)), 'x');
    }
    for (const workers of [1, 2])
      print(`preprocess/whole/workers_${workers}`, await withWorkers(inputs, workers), 'images/s');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Photographs as 500x375 JPEG files, and 1,000 captions of 11 words. */
async function makeInputs(folder) {
  const images = join(folder, 'images');
  mkdirSync(images);
  for (const name of ['astronaut', 'chelsea', 'coffee', 'gray']) {
    const picture = await compose([resize([375, 500], 'bicubic')]).pixels(
      join(root, `golden/resize/sources/${name}.png`),
    );
    const { data, width, height } = picture;
    await sharp(data, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 90 })
      .toFile(join(images, `${name}.jpg`));
  }
  const vocab = join(root, 'golden/tokenizer/vocab.txt');
  const words = readFileSync(vocab, 'utf8')
    .split('\n')
    .filter((word) => /^[a-z]{2,}$/.test(word))
    .slice(0, 8000);
  let state = 1;
  const next = (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  // Words as frequent as in English: the rank is drawn evenly in its logarithm. One in twenty is bent into a rarer form.
  const word = () => {
    const chosen = words[Math.floor(words.length ** (next(1e6) / 1e6)) - 1];
    return next(20) === 0 ? `${chosen}ish` : chosen;
  };
  const captions = Array.from({ length: 1000 }, () => `A ${Array.from({ length: 10 }, word).join(' ')}.`);
  const captionFile = join(folder, 'captions.json');
  writeFileSync(captionFile, JSON.stringify(captions));
  return { images, captions, captionFile, vocab };
}

async function measure({ images, captions, vocab }) {
  const files = readFiles(images);
  const whole = imageTransform('imagenet');
  const decoded = [];
  for (const file of files) decoded.push(await whole.decode(file));
  const bicubic = resize([224, 224], 'bicubic');
  const resized = decoded.map((image) => bicubic(image));
  const finish = compose([toTensor(), normalize('imagenet')], { outputSize: [224, 224] });
  const target = new Float32Array(224 * 224 * 3);
  const bert = tokenizer(vocab);
  const bertAt512 = { padding: 'max_length', maxLength: 512 };
  return {
    decode: await rate(files, (file) => whole.decode(file)),
    resize: await rate(decoded, (image) => bicubic(image)),
    to_tensor_and_normalize: await rate(resized, (image) => finish.into(image, target, 0, context)),
    whole: await rate(files, (file) => whole.into(file, target, 0, context)),
    tokens_longest: await rate([captions], (texts) => bert.encode(texts), captions.length),
    tokens_512: await rate([captions], (texts) => bert.encode(texts, bertAt512), captions.length),
    tokens_first_time: await firstTime(
      () => tokenizer(vocab),
      (fresh) => fresh.encode(captions),
      captions.length,
    ),
  };
}

/**
 * Items a second in the best tenth of short passes over `items`, and seconds of processor time for one item over all
 * passes; `run` handles `size` items.
 */
async function rate(items, run, size = 1) {
  for (const item of items) await run(item);
  const passes = [];
  const cpu = process.cpuUsage();
  const start = performance.now();
  while (performance.now() - start < SECONDS * 1000 || passes.length < 10) {
    const begin = performance.now();
    for (const item of items) await run(item);
    passes.push((performance.now() - begin) / 1000);
  }
  const { user, system } = process.cpuUsage(cpu);
  const count = items.length * size;
  const best = passes.sort((a, b) => a - b)[Math.floor(passes.length / 10)];
  return { rate: count / best, cpu: (user + system) / 1e6 / (count * passes.length) };
}

/** The median of ten first calls, each on something fresh. */
async function firstTime(prepare, run, size) {
  const rates = [];
  for (let i = 0; i < 10; i++) {
    const fresh = prepare();
    const start = performance.now();
    await run(fresh);
    rates.push((size / (performance.now() - start)) * 1000);
  }
  return { rate: median(rates) };
}

function runPython({ images, captionFile, vocab }) {
  const python = process.env.DIPTYCH_PYTHON ?? join(root, '.cache/venv/bin/python');
  if (!existsSync(python)) return undefined;
  const script = join(root, 'reference/bench_preprocess.py');
  const args = [script, '--images', images, '--captions', captionFile, '--vocab', vocab, '--seconds', String(SECONDS)];
  return JSON.parse(execFileSync(python, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}

async function withWorkers({ images }, count) {
  const rates = await Promise.all(
    Array.from({ length: count }, () => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { images } });
      return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    }),
  );
  return rates.reduce((sum, value) => sum + value, 0);
}

async function work() {
  const files = readFiles(workerData.images);
  const whole = imageTransform('imagenet');
  const target = new Float32Array(224 * 224 * 3);
  const { rate: images } = await rate(files, (file) => whole.into(file, target, 0, context));
  parentPort.postMessage(images);
}

function readFiles(folder) {
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name)));
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function print(name, value, unit) {
  console.log(JSON.stringify({ name, value: Number(value.toPrecision(4)), unit }));
}
