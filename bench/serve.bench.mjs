// The HTTP server at 32 clients: texts embedded together beside one at a time, search over 100,000 rows, and its memory under load and 10,000 bad requests.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import './lib/backend.mjs';
import { openIndex } from '@diptych/search';
import { serve } from '@diptych/serve';
import autocannon from 'autocannon';
import {
  compose,
  JointModel,
  MultiModalEncoder,
  resize,
  SmallCNN,
  SmallTransformer,
  save,
  tokenizer,
  toTensor,
} from 'diptych';
import { line } from './lib/statistics.mjs';

const [CLIENTS, SECONDS, ROWS, WIDTH] = [32, Number(process.env.DIPTYCH_BENCH_SECONDS ?? 10), 100_000, 256];
/** How long memory is watched; ten minutes with DIPTYCH_BENCH_SOAK=600. */
const SOAK = Number(process.env.DIPTYCH_BENCH_SOAK ?? 60);

/** A text tower of the size of MiniLM-L6: 6 blocks of width 384. */
async function writeModel(folder) {
  const vocabulary = join(folder, 'vocab.txt');
  const words = Array.from({ length: 2000 }, (_, i) => `word${i}`);
  writeFileSync(vocabulary, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...words].join('\n'));
  const words_ = tokenizer(vocabulary);
  const encoder = new MultiModalEncoder({
    image: new SmallCNN({ embedDim: WIDTH, imageSize: 64, channels: [8, 16] }),
    text: new SmallTransformer({
      vocabSize: words_.vocabSize,
      embedDim: WIDTH,
      hiddenSize: 384,
      numLayers: 6,
      numHeads: 6,
      maxPositions: 64,
    }),
  });
  const model = new JointModel({
    encoder,
    transform: compose([resize([64, 64]), toTensor()]),
    tokenizer: words_,
    tokenize: { maxLength: 64 },
  });
  await save(join(folder, 'model'), model);
  model.dispose();
  return join(folder, 'model');
}

async function writeIndex(folder) {
  const path = join(folder, 'index');
  const index = await openIndex(path, { embedDim: WIDTH });
  for (let from = 0; from < ROWS; from += 10_000) {
    const data = Float32Array.from({ length: 10_000 * WIDTH }, () => Math.random() - 0.5);
    const ids = Array.from({ length: 10_000 }, (_, i) => `${from + i}.jpg`);
    await index.add({
      ids,
      vectors: { data, shape: [10_000, WIDTH] },
      metadata: ids.map((id) => ({ path: id, caption: `picture ${id}`, folder: `f${id.length}` })),
    });
  }
  await index.close();
  return path;
}

const texts = Array.from({ length: 500 }, (_, i) =>
  Array.from({ length: 6 }, (_, j) => `word${(i * 37 + j * 101) % 2000}`).join(' '),
);

async function load(url, bodies, duration = SECONDS) {
  const requests = bodies.map((body) => ({ method: 'POST', body: JSON.stringify(body) }));
  const {
    requests: rate,
    latency,
    non2xx,
    errors,
  } = await autocannon({
    url,
    connections: CLIENTS,
    duration,
    headers: { 'content-type': 'application/json' },
    requests,
  });
  if (non2xx + errors > 0) throw new Error(`${url}: ${non2xx} answers of errors, ${errors} of none`);
  return { rps: rate.average, p50: latency.p50, p99: latency.p99 };
}

const resident = () => process.memoryUsage().rss / 2 ** 20;

/** 10,000 requests that are wrong in many ways. */
async function bad(url) {
  const kinds = [
    ['/search', '{'],
    ['/search', '{"k":-1}'],
    ['/search', JSON.stringify({ filter: { a: { above: 1 } } })],
    ['/embed', JSON.stringify({ images: ['AAAA'] })],
    ['/embed', JSON.stringify({ texts: Array(300).fill('a') })],
    ['/match', '{}'],
    ['/nowhere', '{}'],
    ['/embed', 'x'.repeat(200_000)],
  ];
  let answered = 0;
  for (let i = 0; i < 10_000; i += 20) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, j) => {
        const [path, body] = kinds[(i + j) % kinds.length];
        const response = await fetch(url + path, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/json' },
        });
        await response.arrayBuffer();
        if (response.status < 400 || response.status >= 500) throw new Error(`${path}: ${response.status}`);
        answered++;
      }),
    );
  }
  return answered;
}

export default {
  names: [
    'serve_embed_rps',
    'serve_embed_p50',
    'serve_embed_p99',
    'serve_like_rps',
    'serve_like_p50',
    'serve_like_p99',
    'serve_search_rps',
    'serve_search_p99',
    'serve_memory_growth',
    'serve_bad_requests_growth',
  ],
  rounds: 1,

  async measure() {
    const folder = mkdtempSync(join(tmpdir(), 'diptych-serve-bench-'));
    try {
      const model = await writeModel(folder);
      const embed = texts.map((text) => ({ texts: [text] }));
      const one = await serve({ model, port: 0, limits: { batch: 1 } });
      await load(`${one.url}/embed`, embed, 3);
      const alone = await load(`${one.url}/embed`, embed);
      await one.close();
      const index = await writeIndex(folder);
      // more like a row needs no model: what is left is the index and HTTP
      const likes = texts.map((_, i) => ({ like: [`${i * 199}.jpg`], k: 20 }));
      const apart = await serve({ model, index, port: 0, page: false, limits: { searches: 1 } });
      await load(`${apart.url}/search`, likes, 3);
      const likesAlone = await load(`${apart.url}/search`, likes);
      await apart.close();
      const server = await serve({ model, index, port: 0, page: false });
      await load(`${server.url}/search`, likes, 3);
      const likesTogether = await load(`${server.url}/search`, likes);
      await load(`${server.url}/embed`, embed, 5);
      const together = await load(`${server.url}/embed`, embed);
      const search = await load(
        `${server.url}/search`,
        texts.map((text) => ({ text, k: 20 })),
      );
      globalThis.gc?.();
      const before = resident();
      await load(`${server.url}/embed`, embed, SOAK);
      globalThis.gc?.();
      const after = resident();
      await bad(server.url); // clients' own memory, once
      globalThis.gc?.();
      const beforeBad = resident();
      await bad(server.url);
      globalThis.gc?.();
      const afterBad = resident();
      await server.close();
      return {
        alone,
        together,
        search,
        likesAlone,
        likesTogether,
        growth: after - before,
        badGrowth: afterBad - beforeBad,
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },

  lines: ({ ours: [{ alone, together, search, likesAlone, likesTogether, growth, badGrowth }] }) => [
    line('serve_embed_rps', '1/s', [together.rps], {
      reference: [alone.rps],
      against: 'the same server, one text at a time',
      higherIsBetter: true,
      must: 3,
    }),
    line('serve_embed_p50', 'ms', [together.p50]),
    line('serve_embed_p99', 'ms', [together.p99]),
    line('serve_like_rps', '1/s', [likesTogether.rps], {
      reference: [likesAlone.rps],
      against: 'the same server, one search at a time',
      higherIsBetter: true,
      must: 1,
    }),
    line('serve_like_p50', 'ms', [likesTogether.p50], { reference: [likesAlone.p50] }),
    line('serve_like_p99', 'ms', [likesTogether.p99], { reference: [likesAlone.p99] }),
    line('serve_search_rps', '1/s', [search.rps], { higherIsBetter: true }),
    line('serve_search_p99', 'ms', [search.p99]),
    line('serve_memory_growth', 'MiB', [growth]),
    line('serve_bad_requests_growth', 'MiB', [badGrowth]),
  ],
};
