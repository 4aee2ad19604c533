import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openIndex } from '@diptych/search';
import type { JointModel } from 'diptych';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EMBED_DIM, picture, writePictures, writeSmallModel } from '../test/small-model.js';
import { type Client, createClient, ServeError } from './client/index.js';
import { indexPictures, type RunningServer, serve, writeIndexFacts } from './index.js';

const workerFile = resolve(import.meta.dirname, '../dist/model-worker.js');
const HOSTILE = '<img src=x onerror=alert(1)></script>\u202egnp';
let folder: string;
let model: JointModel;
let server: RunningServer;
let client: Client;

const path = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-serve-'));
  model = await writeSmallModel(path('model'));
  const paths = await writePictures(path('pictures'), 10);
  writeFileSync(path('secret.png'), await picture(3));
  symlinkSync(path('secret.png'), path('pictures/link.png'));
  writeFileSync(path('pictures/page.png'), '<html><script>alert(1)</script></html>');
  writeFileSync(path('pictures/copy.png'), readFileSync(paths[0]!));
  const index = await openIndex(path('index'), { embedDim: EMBED_DIM });
  const items = [...paths, path('pictures/copy.png')].map((file, i) => ({
    path: file,
    captions: [i === 3 ? HOSTILE : `red ${i % 2 === 0 ? 'round' : 'square'}`],
    columns: { number: i },
  }));
  const counts = await indexPictures(index, model, items, { root: path('pictures'), vectors: 'picture' });
  expect(counts).toEqual({ added: 11, unchanged: 0, removed: 0, bad: 0 });
  // what a hostile or careless writer could have put there
  await index.add({
    ids: ['up', 'link', 'page', 'pathless'],
    vectors: await model.embedText(['red', 'green', 'blue', 'round']),
    metadata: [{ path: '../secret.png' }, { path: 'link.png' }, { path: 'page.png' }, {}],
  });
  await index.close();
  await writeIndexFacts(path('index'), { model: path('model'), pictures: path('pictures') });
  server = await serve({
    index: path('index'),
    port: 0,
    workerFile,
    page: false,
    limits: { bytes: 100_000, pixels: 250_000, seconds: 3, requests: 8 },
  });
  client = createClient(server.url);
});
afterAll(async () => {
  await server?.close();
  model?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** What a raw request is answered with. */
function ask(
  target: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; headers: Record<string, unknown>; problem: Record<string, unknown>; text: string }> {
  return new Promise((done, failed) => {
    const sent = request(server.url + target, { method, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => {
        const text = Buffer.concat(parts).toString();
        const isJson = String(response.headers['content-type']).includes('json');
        done({
          status: response.statusCode!,
          headers: response.headers,
          problem: isJson ? JSON.parse(text) : {},
          text,
        });
      });
    });
    sent.on('error', failed);
    sent.end(body);
  });
}

const post = (target: string, body: unknown) =>
  ask(target, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('embeddings', () => {
  it('are those of the model, for texts and pictures, in JSON and forms', async () => {
    const texts = ['red round', 'blue'];
    const images = [await picture(10), await picture(200, 60, 'jpeg')];
    const form = await client.embed({ texts, images });
    const json = await client.embed({ images: images.map((bytes) => Buffer.from(bytes).toString('base64')) });
    const expectedTexts = (await model.embedText(texts)).toArray();
    const expectedImages = (await model.embedImages(images)).toArray();
    for (const [i, row] of expectedTexts.entries()) {
      for (const [j, value] of row.entries()) expect(form.texts![i]![j]).toBeCloseTo(value, 5);
    }
    for (const got of [form.images!, json.images!]) {
      for (const [i, row] of expectedImages.entries()) {
        for (const [j, value] of row.entries()) expect(got[i]![j]).toBeCloseTo(value, 5);
      }
    }
    expect(form.embedDim).toBe(EMBED_DIM);
  });

  it("have OpenAI's form at /v1/embeddings, as numbers and as base64", async () => {
    const { problem: floats } = await post('/v1/embeddings', { input: 'red round', model: 'x' });
    const { problem: base64 } = await post('/v1/embeddings', {
      input: ['red round'],
      model: 'x',
      encoding_format: 'base64',
    });
    const [{ embedding }] = floats.data as [{ embedding: number[] }];
    const [{ embedding: text }] = base64.data as [{ embedding: string }];
    const bytes = Buffer.from(text, 'base64');
    const numbers = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    expect(Array.from(numbers)).toEqual(embedding);
    expect(floats).toMatchObject({ object: 'list', model: 'x', usage: { prompt_tokens: 2, total_tokens: 2 } });
    const nulls = { model: null, user: null, dimensions: null, encoding_format: null };
    expect((await post('/v1/embeddings', { input: 'red', ...nulls })).status).toBe(200);
    expect((await post('/v1/embeddings', { input: Array(1000).fill('red') })).status).toBe(200);
    expect((await post('/v1/embeddings', { input: [] })).status).toBe(400);
    const refused = await post('/v1/embeddings', { input: [[1, 2]], model: 'x' });
    expect(refused.status).toBe(400);
    expect((refused.problem.error as { message: string }).message).toContain('expected');
  });

  it('of a broken picture fail alone', async () => {
    const good = await picture(40);
    const cut = (await picture(50)).slice(0, 120);
    const answers = await Promise.allSettled([
      client.embed({ images: [good] }),
      client.embed({ images: [cut] }),
      client.embed({ images: [good] }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    // others' servers hung after the first of such
    const odd = [await picture(1, 1), await picture(2, 1, 'jpeg')];
    expect((await client.embed({ images: odd })).images).toHaveLength(2);
    expect((answers[1] as PromiseRejectedResult).reason.status).toBe(400);
  });
});

describe('search', () => {
  it('by a picture finds it first, and its copy folded', async () => {
    const image = new Uint8Array(readFileSync(path('pictures/warm/picture 4.png')));
    const { hits, total } = await client.search({ image, k: 5 });
    expect(total).toBe(15);
    expect(hits).toHaveLength(5);
    expect(hits[0]!.id).toBe('warm/picture 4.png');
    expect(hits[0]!.score).toBeCloseTo(1, 4);
    const like = await client.search({ like: ['copy.png'], k: 20, fold: 0.9999999 });
    const first = like.hits.find(({ id }) => id === 'copy.png' || id === 'warm/picture 0.png')!;
    expect(first.duplicates).toHaveLength(1);
  });

  it('by words, weights, what is not wanted, and filters is arithmetic on vectors', async () => {
    const [red, blue] = (await model.embedText(['red', 'blue'])).toArray() as [number[], number[]];
    const { hits } = await client.search({ text: 'red', not: ['blue'], weights: { not: 0.25 }, k: 3 });
    const sum = red.map((x, i) => x - 0.25 * blue[i]!);
    const length = Math.hypot(...sum);
    const index = await openIndex(path('index'), { readonly: true });
    const [expected] = await index.search(
      { data: Float32Array.from(sum, (x) => x / length), shape: [1, EMBED_DIM] },
      { k: 3 },
    );
    await index.close();
    expect(hits.map(({ id }) => id)).toEqual(expected!.map(({ id }) => id));
    expect(hits[0]!.score).toBeCloseTo(expected![0]!.score, 4);
    const cold = await client.search({ text: 'red', filter: { folder: 'cold/deep', number: { gte: 5 } }, k: 20 });
    expect(cold.hits.map(({ metadata }) => metadata.number).sort()).toEqual([5, 7, 9]);
  });

  it('without a query gives all, page by page', async () => {
    const all = await client.search({ k: 15 });
    const second = await client.search({ k: 5, offset: 5 });
    expect(second.hits.map(({ id }) => id)).toEqual(all.hits.slice(5, 10).map(({ id }) => id));
    expect(new Set(all.hits.map(({ id }) => id)).size).toBe(15);
  });

  it('says what is wrong with a query', async () => {
    const only = await post('/search', { not: ['red'] });
    expect(only.status).toBe(400);
    expect(only.problem).toMatchObject({ got: 'only what is not wanted' });
    expect((await post('/search', { like: ['none'] })).status).toBe(404);
    const filter = await post('/search', { text: 'red', filter: { number: { above: 3 } } });
    expect(filter.problem).toMatchObject({ status: 400, code: 'config', got: 'above' });
    const unknown = await post('/search', { query: 'red' });
    expect(unknown.problem.problem).toContain('query');
  });
});

it('matches a text with pictures that were sent and pictures of the index', async () => {
  const image = new Uint8Array(readFileSync(path('pictures/warm/picture 4.png')));
  const { probabilities } = await client.match({ text: 'red round', images: [image], ids: ['warm/picture 4.png'] });
  const expected = await model.match(image, 'red round');
  for (const probability of probabilities) expect(probability).toBeCloseTo(expected, 5);
});

describe('attention', () => {
  it('is that of the model, for a picture that was sent and one of the index', async () => {
    const attending = await writeSmallModel(path('attending'), true);
    const index = await openIndex(path('index'), { readonly: true });
    const own = await serve({
      model: path('attending'),
      index,
      pictures: path('pictures'),
      port: 0,
      workerFile,
    });
    try {
      const asked = createClient(own.url);
      expect((await asked.info()).attends).toBe(true);
      const image = new Uint8Array(readFileSync(path('pictures/warm/picture 4.png')));
      const expected = await attending.attentionByWord(image, 'red round');
      const { words, rows, columns, region } = await asked.attention({ text: 'red round', id: 'warm/picture 4.png' });
      expect(words.map(({ text, start, end }) => [text, start, end])).toEqual([
        ['red', 0, 3],
        ['round', 4, 9],
      ]);
      expect([rows, columns]).toEqual([expected.rows, expected.columns]);
      expect(region.right).toBeCloseTo(1, 1);
      for (const [i, { map }] of words.entries()) {
        for (const [part, share] of map.entries()) expect(share).toBeCloseTo(expected.maps.row(i)[part]!, 5);
      }
      expect(await asked.attention({ text: 'red round', image })).toEqual({ words, rows, columns, region });
      const cut = asked.attention({ text: 'red', image: image.slice(0, 90) });
      await expect(cut).rejects.toMatchObject({ status: 400 });
      await expect(asked.attention({ text: 'red', id: 'none' })).rejects.toMatchObject({ status: 404 });
      await expect(asked.attention({ text: '!', id: 'warm/picture 4.png' })).rejects.toMatchObject({ status: 400 });
      await expect(asked.attention({ text: 'red' })).rejects.toThrow(/either image or id, got neither/);
    } finally {
      await own.close();
      await index.close();
      attending.dispose();
    }
  });

  it('is not there for a fusion that sees a picture as one vector', async () => {
    expect((await client.info()).attends).toBe(false);
    const { problem } = await post('/attention', { text: 'red', id: 'warm/picture 4.png' });
    expect(problem).toMatchObject({ status: 501, remedy: 'train one with CoAttentionFusion, see docs/fusion.md' });
  });
});

describe('indexing', () => {
  it('goes on while searches answer over what is there, and gives the index free', async () => {
    const root = path('growing');
    const paths = await writePictures(root, 40);
    writeFileSync(path('growing/cold/cut.png'), (await picture(7)).slice(0, 90));
    const items = [...paths, path('growing/cold/cut.png'), path('growing/gone.png')].map((file) => ({ path: file }));
    let goOn = () => {};
    const half = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let embedded = 0;
    const halting = {
      embedDim: EMBED_DIM,
      embedText: (texts: readonly string[]) => model.embedText(texts),
      embedImages: async (images: readonly Uint8Array[]) => {
        embedded += images.length;
        if (embedded > 16) await half;
        return model.embedImages(images);
      },
    };
    const own = await serve({
      model: halting,
      index: path('growing.index'),
      indexing: { items, root, batchSize: 8 },
      port: 0,
    });
    try {
      const asked = createClient(own.url);
      await expect.poll(async () => (await asked.info()).rows, { timeout: 10_000 }).toBe(16);
      const { indexing } = await asked.info();
      expect(indexing).toMatchObject({ state: 'running', done: 16, total: 42, added: 16, bad: 0 });
      expect((await asked.search({ text: 'red', k: 50 })).hits).toHaveLength(16);
      goOn();
      expect(await own.indexed).toEqual({ added: 40, unchanged: 0, removed: 0, bad: 2 });
      const after = await asked.info();
      expect(after.rows).toBe(40);
      expect(after.indexing).toMatchObject({ state: 'done', done: 42, total: 42, bad: 2 });
      expect(after.indexing!.badPictures.map((bad) => bad.path)).toEqual(['gone.png', 'cold/cut.png']);
      expect(JSON.stringify(after.indexing)).not.toContain(folder);
      // another program may write now
      const index = await openIndex(path('growing.index'));
      await index.delete(['cold/deep/picture 1.png']);
      await index.close();
      await expect.poll(async () => (await asked.info()).rows, { timeout: 10_000 }).toBe(39);
    } finally {
      goOn();
      await own.close();
    }
  });

  it('ends with the server, keeps what it has, and needs a folder', async () => {
    const items = Array.from({ length: 2000 }, (_, i) => ({ path: path(`pictures/warm/picture ${2 * (i % 5)}.png`) }));
    const unique = items.map((item, i) => ({ ...item, path: i < 8 ? item.path : `${item.path}?${i}` }));
    const own = await serve({
      model: path('model'),
      index: path('stopped.index'),
      indexing: { items: unique, root: path('pictures') },
      port: 0,
      workerFile,
    });
    await own.close();
    await expect(own.indexed).resolves.toBeDefined();
    const again = await openIndex(path('stopped.index'));
    await again.close();
    await expect(serve({ model, indexing: { items, root: folder } })).rejects.toThrow(/index as a folder/);
  });
});

it('describes itself: columns, health, metrics, OpenAPI', async () => {
  const info = await client.info();
  expect(info).toMatchObject({ embedDim: EMBED_DIM, matches: true, pictures: true, rows: 15 });
  expect(info.columns.find(({ name }) => name === 'folder')!.values).toContainEqual({ value: 'cold/deep', rows: 5 });
  expect(info.columns.find(({ name }) => name === 'number')).toMatchObject({ kind: 'number', min: 0, max: 10 });
  expect(await client.health()).toEqual({ status: 'ok', rows: 15 });
  expect((await ask('/metrics')).text).toMatch(/diptych_requests_total\{operation="search",status="200"\} \d+/);
  const { problem: api } = await ask('/openapi.json');
  expect(Object.keys(api.paths as object)).toContain('/v1/embeddings');
  expect(JSON.stringify(api)).toContain('contentEncoding');
});

describe('pictures', () => {
  it('come with the type of their content, and small', async () => {
    const url = client.pictureUrl('warm/picture 4.png');
    const response = await fetch(url);
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(
      new Uint8Array(readFileSync(path('pictures/warm/picture 4.png'))),
    );
    const again = await fetch(url, { headers: { 'if-none-match': response.headers.get('etag')! } });
    expect(again.status).toBe(304);
    const small = await fetch(client.thumbnailUrl('warm/picture 4.png', 160));
    expect(small.headers.get('content-type')).toBe('image/webp');
    expect((await small.arrayBuffer()).byteLength).toBeGreaterThan(50);
  });

  it.each([
    ['up', 404],
    ['link', 404],
    ['page', 415],
    ['pathless', 404],
    ['../secret.png', 404],
    ['%00', 404],
    ['', 400],
  ])('of %j are not given', async (id, status) => {
    for (const operation of ['picture', 'thumbnail']) {
      const { problem } = await ask(`/${operation}?id=${encodeURIComponent(id)}`);
      expect(problem.status, `${operation} ${id}`).toBe(status);
      expect(JSON.stringify(problem)).not.toContain(folder);
    }
  });
});

describe('refuses', () => {
  it('bodies and pictures that are too large', async () => {
    expect((await post('/embed', { texts: ['x'.repeat(120_000)] })).status).toBe(413);
    const chunked = await ask('/embed', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      body: JSON.stringify({ texts: ['x'.repeat(120_000)] }),
    });
    expect(chunked.status).toBe(413);
    const { problem } = await post('/embed', { images: [Buffer.from(await picture(1, 600)).toString('base64')] });
    expect(problem).toMatchObject({ status: 413, got: '600 x 600' });
  });

  it.each([
    ['/embed', '{', 400],
    ['/embed', '[]', 400],
    ['/embed', 'null', 400],
    ['/embed', {}, 400],
    ['/embed', { texts: [''] }, 400],
    ['/embed', { texts: Array(257).fill('a') }, 400],
    ['/embed', { images: ['bm90IGEgcGljdHVyZQ=='] }, 400],
    ['/search', { k: 0 }, 400],
    ['/search', { k: 100_000, offset: 100_000 }, 400],
    ['/search', { filter: JSON.parse(`${'{"$not":'.repeat(100)}{}${'}'.repeat(100)}`) }, 400],
    ['/search', { image: 'data:image/png;base64,AAAA' }, 400],
    ['/match', { text: 'red' }, 400],
    ['/nowhere', {}, 404],
  ])('%s with %j', async (target, body, status) => {
    const answer = await post(target, body);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.problem).toHaveProperty('where');
  });

  it('other kinds of bodies and methods', async () => {
    const text = await ask('/search', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' });
    expect(text.status).toBe(415);
    const get = await ask('/search');
    expect(get.status).toBe(405);
    expect(get.headers.allow).toBe('POST');
  });

  it('pages of other sites, and other names for this machine', async () => {
    expect((await ask('/info', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect((await ask('/info', { headers: { host: 'evil.example' } })).status).toBe(403);
    expect((await ask('/info', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    const { headers } = await ask('/info');
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('what comes in too slowly, with 408', async () => {
    const { port } = server;
    const answer = await new Promise<string>((done) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(
          `POST /embed HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{`,
        );
      });
      let text = '';
      socket.on('data', (part) => {
        text += part;
      });
      socket.on('close', () => done(text));
    });
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('application/problem+json');
  });

  it('more requests at once than it was told, with 429', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => post('/embed', { texts: ['red'] })));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.headers['retry-after']).toBe('1');
    expect((await post('/embed', { texts: ['red'] })).status).toBe(200);
  });
});

describe('a token', () => {
  it('is needed for other hosts, and long', async () => {
    await expect(serve({ model, host: '0.0.0.0' })).rejects.toThrow(/a token, as 0\.0\.0\.0 is reached/);
    await expect(serve({ model, token: 'short' })).rejects.toThrow(/token of 16 or more/);
  });

  it('opens the server, in a header or as a session', async () => {
    const token = 'a-token-of-this-test';
    const own = await serve({ model, port: 0, token });
    try {
      await expect(createClient(own.url).info()).rejects.toMatchObject({ status: 401 });
      await expect(createClient(own.url, { token: `${token}x` }).info()).rejects.toBeInstanceOf(ServeError);
      expect((await createClient(own.url, { token }).info()).rows).toBe(0);
      const session = await fetch(`${own.url}/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
      });
      const cookie = session.headers.get('set-cookie')!;
      expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
      expect(cookie).not.toContain(token);
      expect((await fetch(`${own.url}/info`, { headers: { cookie: cookie.split(';')[0]! } })).status).toBe(200);
      expect((await fetch(`${own.url}/healthz`)).status).toBe(200);
      await expect(createClient(own.url, { token }).search({ text: 'red' })).rejects.toMatchObject({ status: 501 });
    } finally {
      await own.close();
    }
  });
});

it('answers what is under way when it closes', async () => {
  const own = await serve({ model: path('model'), port: 0, workerFile });
  const answers = Promise.allSettled(Array.from({ length: 20 }, () => createClient(own.url).embed({ texts: ['red'] })));
  await new Promise((resolve) => setTimeout(resolve, 100));
  await own.close();
  const settled = await answers;
  expect(settled.some(({ status }) => status === 'fulfilled')).toBe(true);
  await expect(createClient(own.url).health()).rejects.toThrow();
});

it('refuses a model that the index was not made with, though it has the same width', async () => {
  const other = await writeSmallModel(path('other'), true);
  other.dispose();
  const refused = /the model that the index was made with, .*model as it was then, got other weights/;
  await expect(serve({ model: path('other'), index: path('index'), workerFile })).rejects.toThrow(refused);
  await expect(writeIndexFacts(path('index'), { model: path('other'), pictures: folder })).rejects.toThrow(refused);
});

it('says what it cannot be', async () => {
  await expect(serve({ index: path('nothing'), model })).rejects.toThrow(/expected an index, got none there/);
  await expect(serve({})).rejects.toThrow(/expected a model, got none/);
  await expect(serve({ model: path('pictures'), workerFile })).rejects.toThrow(/a model folder/);
  await expect(serve({ model, port: server.port })).rejects.toThrow(/port \d+ is taken/);
  await expect(serve({ model, prot: 3 } as never)).rejects.toThrow(/did you mean port/);
  await expect(serve({ model, limits: { bytes: -1 } })).rejects.toThrow(/bytes to be a whole number above 0/);
});
