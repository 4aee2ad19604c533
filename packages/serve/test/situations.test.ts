import { mkdirSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { Agent, request as ask } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { openIndex } from '@diptych/search';
import type { JointModel } from 'diptych';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../src/client/index.js';
import { indexPictures, type RunningServer, serve } from '../src/index.js';
import { EMBED_DIM, picture, writePictures, writeSmallModel } from './small-model.js';

// what users of clip-retrieval, immich, photoprism, rclip, text-embeddings-inference and others broke theirs with
let folder: string;
let model: JointModel;
let server: RunningServer;
let client: Client;
const path = (...names: string[]) => join(folder, ...names);
/** Names that addresses and shells trip over. */
const NAMES = [
  '100% #1?&=+.png',
  'line\nbreak.png',
  'Käse (NFD).png'.normalize('NFD'),
  '猫 🐈.png',
  'it\'s "quoted".png',
];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-situations-'));
  model = await writeSmallModel(path('model'));
  const paths = await writePictures(path('pictures'), 6);
  for (const [i, name] of NAMES.entries()) {
    writeFileSync(path('pictures', name), await picture(20 * i));
    paths.push(path('pictures', name));
  }
  const index = await openIndex(path('index'), { embedDim: EMBED_DIM });
  await indexPictures(
    index,
    model,
    paths.map((file) => ({ path: file })),
    { root: path('pictures') },
  );
  server = await serve({ model, index, pictures: path('pictures'), port: 0, page: false });
  client = createClient(server.url);
});
afterAll(async () => {
  await server?.close();
  model?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** A picture of two halves, so that turning it shows. */
const halves = () =>
  sharp({ create: { width: 40, height: 20, channels: 3, background: '#c02020' } }).composite([
    { input: { create: { width: 20, height: 20, channels: 3, background: '#2040e0' } }, left: 0, top: 0 },
  ]);
const vectorOf = async (image: Uint8Array) => (await client.embed({ images: [image] })).images![0]!;
const cosine = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** A PNG whose head says that it is so large; a few bytes. */
function bomb(width: number, height: number): Uint8Array {
  const chunk = (type: string, data: Uint8Array) => {
    const bytes = Buffer.alloc(12 + data.length);
    bytes.writeUInt32BE(data.length);
    bytes.write(type, 4, 'latin1');
    bytes.set(data, 8);
    return bytes;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head.set([8, 2], 8);
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    signature,
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.alloc(100_000))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('pictures', () => {
  it('of every kind that browsers show are taken', async () => {
    const solid = (background: string) =>
      sharp({ create: { width: 24, height: 24, channels: 3, background } })
        .png()
        .toBuffer();
    const animation = sharp([await solid('#c02020'), await solid('#2040e0')], { join: { animated: true } });
    const kinds: Record<string, Uint8Array> = {
      avif: await halves().avif().toBuffer(),
      webp: await halves().webp().toBuffer(),
      tiff: await halves().tiff().toBuffer(),
      gif: await halves().gif().toBuffer(),
      'animated gif': await animation.clone().gif().toBuffer(),
      'animated webp': await animation.clone().webp().toBuffer(),
      'CMYK jpeg': await halves().toColourspace('cmyk').jpeg().toBuffer(),
      'grey jpeg': await halves().greyscale().jpeg().toBuffer(),
      '16 bit png': await halves().toColourspace('rgb16').png().toBuffer(),
      'png with alpha': await halves().ensureAlpha(0.5).png().toBuffer(),
      'palette png': await halves().png({ palette: true }).toBuffer(),
      'progressive jpeg': await halves().jpeg({ progressive: true }).toBuffer(),
    };
    for (const [kind, bytes] of Object.entries(kinds)) {
      expect(await vectorOf(bytes), kind).toHaveLength(EMBED_DIM);
    }
  });

  it('that EXIF turns are seen upright, by the model and as thumbnails', async () => {
    const whole = await halves().png().toBuffer(); // turned before the halves are put together otherwise
    const upright = await vectorOf(await sharp(whole).jpeg({ quality: 100 }).toBuffer());
    const turned = await sharp(whole).rotate(90).jpeg({ quality: 100 }).withMetadata({ orientation: 8 }).toBuffer();
    expect(cosine(await vectorOf(turned), upright)).toBeGreaterThan(0.999);
    writeFileSync(path('pictures/turned.jpg'), turned);
    const index = await openIndex(path('turned'), { embedDim: EMBED_DIM });
    await indexPictures(index, model, [{ path: path('pictures/turned.jpg') }], { root: path('pictures') });
    const own = await serve({ model, index, pictures: path('pictures'), port: 0, page: false });
    const small = await fetch(createClient(own.url).thumbnailUrl('turned.jpg', 160));
    expect(await sharp(Buffer.from(await small.arrayBuffer())).metadata()).toMatchObject({ width: 40, height: 20 });
    await own.close();
    await index.close();
  });

  it.each<[string, () => Uint8Array | Promise<Uint8Array>, number, RegExp]>([
    [
      'as HEIC',
      () => Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'),
      400,
      /HEIC picture.*save it as JPEG/,
    ],
    ['as JPEG XL', () => Uint8Array.of(0xff, 0x0a, 1, 2), 400, /JPEG XL/],
    ['as SVG', () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'), 400, /SVG drawing/],
    ['as PDF', () => Buffer.from('%PDF-1.7'), 400, /PDF/],
    ['of a download that failed', () => Buffer.from('<!doctype html><title>404</title>'), 400, /HTML page/],
    ['that say they are huge', () => bomb(60_000, 60_000), 413, /60000 x 60000/],
    ['of a few bytes that say they are large', () => bomb(8000, 6000), 400, /./],
    ['of half a JPEG', async () => (await halves().jpeg().toBuffer()).subarray(0, 300), 400, /./],
  ])('%s are refused', async (_, bytes, status, said) => {
    const answer = await client.embed({ images: [await bytes()] }).then(
      () => undefined,
      (error) => error,
    );
    expect(answer).toMatchObject({ status });
    expect(answer.message).toMatch(said);
    expect((await client.health()).status).toBe('ok');
  });

  it('with names that addresses trip over come, and those that are gone are 404', async () => {
    const { hits } = await client.search({ k: 100 });
    expect(hits.map(({ id }) => id)).toEqual(expect.arrayContaining(NAMES));
    for (const name of NAMES) {
      const response = await fetch(client.pictureUrl(name));
      expect(response.status, name).toBe(200);
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(
        new Uint8Array(readFileSync(path('pictures', name))),
      );
    }
    unlinkSync(path('pictures', NAMES[3]!));
    expect((await fetch(client.thumbnailUrl(NAMES[3]!))).status).toBe(404);
    expect((await client.search({ text: 'red', k: 100 })).hits).toHaveLength(hits.length);
  });

  it('are not sent again to who has them, behind proxies too', async () => {
    const url = client.thumbnailUrl('warm/picture 0.png', 160);
    const tag = (await fetch(url)).headers.get('etag')!;
    for (const known of [tag, `W/${tag}`, `"other", W/${tag}`, '*']) {
      expect((await fetch(url, { headers: { 'if-none-match': known } })).status, known).toBe(304);
    }
    expect((await fetch(url, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });
});

describe('clients of OpenAI', () => {
  const post = async (body: object) => {
    const response = await fetch(`${server.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer sk-none' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json() };
  };

  it('list the model, and send what they send', async () => {
    expect(await (await fetch(`${server.url}/v1/models`)).json()).toMatchObject({ data: [{ id: 'diptych' }] });
    const { status, body } = await post({
      input: ['red'],
      model: 'text-embedding-3-small',
      encoding_format: 'base64',
      dimensions: EMBED_DIM,
      user: 'me',
      truncate_prompt_tokens: -1,
    });
    expect(status).toBe(200);
    expect(Buffer.from(body.data[0].embedding, 'base64')).toHaveLength(4 * EMBED_DIM);
  });

  it.each([
    [{ input: [1, 2, 3] }, /not tokens.*check_embedding_ctx_length=False/],
    [{ input: [[1, 2], [3]] }, /not tokens/],
    [{ input: '' }, /./],
    [{ input: 'red', dimensions: 3 }, /expected 8, which this model has, got 3; leave it out/],
    [{ input: 'red', encoding_format: 'int8' }, /float.*base64/],
    [{}, /input/],
  ])('are told what is wrong with %j', async (body, said) => {
    const { status, body: answer } = await post({ model: 'x', ...body });
    expect(status).toBe(400);
    expect(answer.error.message).toMatch(said);
  });
});

describe('proxies', () => {
  it('may name themselves in Host where the browser says that the page is its own, and no other site may', async () => {
    const headers = { origin: 'https://photos.example', 'content-type': 'application/json' };
    const search = (more: object) =>
      fetch(`${server.url}/search`, { method: 'POST', body: '{}', headers: { ...headers, ...more } });
    // Node's fetch sets sec-fetch-mode alone
    expect((await search({ 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    expect((await search({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await search({})).status).toBe(403);
  });

  it('use a connection again after a minute, and health checks ask for the head alone', async () => {
    const agent = new Agent({ keepAlive: true });
    const answer = await new Promise<{ status: number; keepAlive: string; length: number }>((done, failed) => {
      const sent = ask(`${server.url}/healthz`, { method: 'HEAD', agent }, (response) => {
        let length = 0;
        response.on('data', (piece) => {
          length += piece.length;
        });
        response.on('end', () =>
          done({ status: response.statusCode!, keepAlive: String(response.headers['keep-alive']), length }),
        );
      });
      sent.on('error', failed);
      sent.end();
    });
    agent.destroy();
    expect(answer).toEqual({ status: 200, keepAlive: 'timeout=75', length: 0 });
  });

  it('wait for a word before they send much', async () => {
    const body = JSON.stringify({ texts: ['red'] });
    const status = await new Promise((done, failed) => {
      const sent = ask(
        `${server.url}/embed`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' },
        },
        (response) => {
          response.resume();
          done(response.statusCode);
        },
      );
      sent.on('continue', () => sent.end(body));
      sent.on('error', failed);
    });
    expect(status).toBe(200);
  });
});

it('texts of any writing are texts', async () => {
  const texts = ['猫', 'дом', '🐈‍⬛', 'é', 'e\u0301', '\u202egnp', 'a'.repeat(8000), '\0', ' '];
  expect((await client.embed({ texts })).texts).toHaveLength(texts.length);
});

it('a folder that fills while it is indexed again loses nothing', async () => {
  mkdirSync(path('twice'));
  const index = await openIndex(path('twice.index'), { embedDim: EMBED_DIM });
  const [first] = await writePictures(path('twice'), 1);
  await indexPictures(index, model, [{ path: first! }], { root: path('twice') });
  writeFileSync(first!, await picture(200)); // the same name, another picture
  const counts = await indexPictures(index, model, [{ path: first! }, { path: path('twice/gone.png') }], {
    root: path('twice'),
  });
  expect(counts).toEqual({ added: 1, unchanged: 0, removed: 0, bad: 1 });
  await index.close();
});
