// A server in a process of its own under load for ten minutes (DIPTYCH_SOAK_SECONDS), then 10,000 requests that are wrong: its memory, every
// ten seconds. By itself: node bench/serve-soak.mjs
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import './lib/backend.mjs';
import { openIndex } from '@diptych/search';
import { indexPictures, writeIndexFacts } from '@diptych/serve';
import { createClient } from '@diptych/serve/client';
import {
  BagOfTokens,
  compose,
  JointModel,
  MultiModalEncoder,
  resize,
  SmallCNN,
  save,
  tokenizer,
  toTensor,
} from 'diptych';
import sharp from 'sharp';

const SECONDS = Number(process.env.DIPTYCH_SOAK_SECONDS ?? 600);
const CLIENTS = Number(process.env.DIPTYCH_SOAK_CLIENTS ?? 4);
const [PICTURES, BAD, WIDTH] = [200, 10_000, 64];
const WORDS = Array.from({ length: 200 }, (_, i) => `word${i}`);

const folder = mkdtempSync(join(tmpdir(), 'diptych-soak-'));
try {
  await prepare();
  const child = spawn(
    process.execPath,
    [
      resolve(import.meta.dirname, '../packages/cli/bin/diptych.js'),
      'serve',
      'index',
      '--model',
      'model',
      '--port',
      '0',
      '--json',
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [first] = await once(child.stdout, 'data');
  const { url } = JSON.parse(first);
  const resident = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024;
  const answered = await load(url, resident);
  const loaded = resident();
  await bad(url);
  const afterBad = resident();
  await bad(url);
  await new Promise((done) => setTimeout(done, 5000));
  console.log(JSON.stringify({ answered, afterLoadMiB: loaded, afterBadMiB: afterBad, afterBadAgainMiB: resident() }));
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the server ended with ${code}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function prepare() {
  const vocabulary = join(folder, 'vocab.txt');
  writeFileSync(vocabulary, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...WORDS].join('\n'));
  const words = tokenizer(vocabulary);
  const model = new JointModel({
    encoder: new MultiModalEncoder({
      image: new SmallCNN({ embedDim: WIDTH, imageSize: 32, channels: [8, 16] }),
      text: new BagOfTokens({ vocabSize: words.vocabSize, embedDim: WIDTH }),
    }),
    transform: compose([resize([32, 32]), toTensor()]),
    tokenizer: words,
  });
  await save(join(folder, 'model'), model);
  mkdirSync(join(folder, 'pictures'));
  const items = [];
  for (let i = 0; i < PICTURES; i++) {
    const path = join(folder, 'pictures', `${i}.jpg`);
    const background = { r: i, g: 255 - i, b: (i * 7) % 256 };
    await sharp({ create: { width: 800, height: 600, channels: 3, background } })
      .jpeg()
      .toFile(path);
    items.push({ path, captions: [WORDS[i]] });
  }
  const index = await openIndex(join(folder, 'index'), { embedDim: WIDTH });
  await indexPictures(index, model, items, { root: join(folder, 'pictures') });
  await index.close();
  await writeIndexFacts(join(folder, 'index'), { model: join(folder, 'model'), pictures: join(folder, 'pictures') });
  model.dispose();
}

/** Clients that search, embed and look at pictures, one request after the other. */
async function load(url, resident) {
  const client = createClient(url);
  const upload = readFileSync(join(folder, 'pictures/7.jpg'));
  const end = performance.now() + SECONDS * 1000;
  let answered = 0;
  const timer = setInterval(() => console.log(JSON.stringify({ answered, MiB: Math.round(resident()) })), 10_000);
  const one = async (number) => {
    for (let i = number; performance.now() < end; i += 7) {
      const text = `${WORDS[i % 200]} ${WORDS[(i * 31) % 200]}`;
      if (i % 5 === 0) await client.search({ image: upload, k: 24 });
      else if (i % 5 === 1) await client.embed({ texts: [text], images: [upload] });
      else if (i % 5 === 2) {
        const response = await fetch(client.thumbnailUrl(`${i % PICTURES}.jpg`, [160, 320, 640][i % 3]));
        await response.arrayBuffer();
        if (!response.ok) throw new Error(`a thumbnail: ${response.status}`);
      } else await client.search({ text, k: 24, filter: i % 2 ? { caption: WORDS[i % 200] } : undefined });
      answered++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => one(number)));
  clearInterval(timer);
  return answered;
}

async function bad(url) {
  const kinds = [
    ['/search', '{'],
    ['/search', '{"k":-1}'],
    ['/search', JSON.stringify({ filter: { a: { above: 1 } } })],
    [
      '/search',
      JSON.stringify({ image: readFileSync(join(folder, 'pictures/7.jpg')).subarray(0, 900).toString('base64') }),
    ],
    ['/embed', JSON.stringify({ images: ['AAAA'] })],
    ['/embed', JSON.stringify({ texts: Array(300).fill('a') })],
    ['/match', '{}'],
    ['/attention', '{"text":"a"}'],
    ['/nowhere', '{}'],
    ['/embed', 'x'.repeat(200_000)],
  ];
  for (let i = 0; i < BAD; i += CLIENTS) {
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, j) => {
        const [path, body] = kinds[(i + j) % kinds.length];
        const headers = { 'content-type': 'application/json' };
        const response = await fetch(url + path, { method: 'POST', body, headers });
        await response.arrayBuffer();
        if (response.status < 400 || response.status === 500) throw new Error(`${path}: ${response.status}`);
      }),
    );
  }
}
