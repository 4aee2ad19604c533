import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { compose, normalize, resize, toTensor } from '@diptych/preprocess/image';
import { tokenizer } from '@diptych/preprocess/text';
import { BagOfTokens } from '@diptych/text';
import { MultiModalEncoder } from '@diptych/train';
import { SmallCNN } from '@diptych/vision';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type StaticOptions, type StaticServer, serveFolder } from '../test/static-server.js';
import { JointModel, load, save } from './index.js';

const retry = { retries: 1, backoff: 1 };
const root = mkdtempSync(join(tmpdir(), 'load-url-'));
const folder = join(root, 'model');
let model: JointModel;
let expected: Float32Array;
const servers: StaticServer[] = [];
const start = async (options: StaticOptions = {}, of = folder) => {
  const server = await serveFolder(of, options);
  servers.push(server);
  return server;
};
const embedded = async (address: string | URL, options = {}) => {
  const loaded = await load(address, { retry, ...options });
  try {
    return (await loaded.embedText(['a red cat'])).data;
  } finally {
    loaded.dispose();
  }
};

beforeAll(async () => {
  const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'red', 'cat'];
  writeFileSync(join(root, 'vocab.txt'), words.join('\n'));
  const encoder = new MultiModalEncoder({
    image: new SmallCNN({ embedDim: 6, imageSize: 16, channels: [4, 8], seed: 1 }),
    text: new BagOfTokens({ vocabSize: words.length, embedDim: 6, seed: 2 }),
  });
  const transform = compose([resize([16, 16]), toTensor(), normalize('half')]);
  model = new JointModel({ encoder, transform, tokenizer: tokenizer(join(root, 'vocab.txt')) });
  await save(folder, model);
  expected = (await model.embedText(['a red cat'])).data;
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(() => {
  model.dispose();
  rmSync(root, { recursive: true, force: true });
});

describe('load of an address', () => {
  it('gives the model that was saved, from any path, with the address of model.json and with a query too', async () => {
    const { url, asked } = await start({ under: '/a b/deep' });
    expect(await embedded(url)).toEqual(expected);
    expect(await embedded(`${url}/`)).toEqual(expected);
    expect(await embedded(new URL(`${url}/model.json?sig=1`))).toEqual(expected);
    expect(asked.slice(-4).every((path) => path.endsWith('?sig=1'))).toBe(true);
  });

  it('reads weights that are spread over files, as a folder does', async () => {
    const sharded = join(root, 'sharded');
    await save(sharded, model, { maxShardBytes: 600 });
    const files = Object.keys(JSON.parse(readFileSync(join(sharded, 'model.json'), 'utf8')).files);
    expect(files.filter((file) => file.endsWith('.safetensors')).length).toBeGreaterThan(1);
    expect(await embedded((await start({}, sharded)).url)).toEqual(expected);
    const onDisk = await load(sharded);
    expect((await onDisk.embedText(['a red cat'])).data).toEqual(expected);
    onDisk.dispose();
    await save(sharded, model); // and back: nothing of the shards is read any more
    expect(await embedded((await start({}, sharded)).url)).toEqual(expected);
  });

  it('goes with redirects, servers that compress, and connections that break', async () => {
    const { url } = await start();
    const redirecting = await start({
      first: (_, response, path) => response.writeHead(302, { location: url + path }).end() !== undefined,
    });
    expect(await embedded(redirecting.url)).toEqual(expected);
    const packing = await start({
      first(_, response, path) {
        const packed = gzipSync(readFileSync(join(folder, path)));
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
        return true;
      },
    });
    expect(await embedded(packing.url)).toEqual(expected);
    let cut = 0;
    const breaking = await start({
      first(_, response, path) {
        if (!path.endsWith('.safetensors') || cut++ > 0) return false;
        const bytes = readFileSync(join(folder, path));
        response.writeHead(200, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, 200), () => response.destroy());
        return true;
      },
    });
    expect(await embedded(breaking.url)).toEqual(expected);
    expect(cut).toBe(2);
  });

  it('asks with the fetch that it is given, and says how far it is', async () => {
    const { url } = await start({
      first(request, response) {
        if (request.headers.authorization === 'Bearer me') return false;
        response.writeHead(401).end();
        return true;
      },
    });
    await expect(embedded(url)).rejects.toThrow(/401; the server wants to know who asks: pass `fetch`/);
    const seen: string[] = [];
    const withHeader: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set('authorization', 'Bearer me');
      return fetch(input, { ...init, headers });
    };
    const onProgress = ({ file, loaded, total }: { file: string; loaded: number; total: number }) => {
      if (loaded === total) seen.push(file);
    };
    expect(await embedded(url, { fetch: withHeader, onProgress })).toEqual(expected);
    expect(seen).toContain('model.safetensors');
  });
});

describe('load of an address says what is wrong', () => {
  const changed = (path: string, content: (before: Buffer) => Buffer | string) => {
    const copy = mkdtempSync(join(root, 'changed-'));
    cpSync(folder, copy, { recursive: true });
    writeFileSync(join(copy, path), content(readFileSync(join(copy, path))));
    return start({}, copy);
  };

  it('where there is no model, and where a file of it is missing', async () => {
    const { url } = await start();
    await expect(load(`${url}/other`, { retry })).rejects.toThrow(
      /other\/model\.json: expected a file, got HTTP 404; check the address/,
    );
    const lacking = await start({
      first: (_, response, path) => path.endsWith('vocab.txt') && response.writeHead(404).end() !== undefined,
    });
    await expect(load(lacking.url, { retry })).rejects.toThrow(/tokenizer\/vocab\.txt: expected a file, got HTTP 404/);
  });

  it('where a server of a single-page application sends its page, whatever type it gives it', async () => {
    for (const type of ['text/html; charset=utf-8', 'text/plain']) {
      const { url } = await start({
        first(_, response) {
          response.writeHead(200, { 'content-type': type }).end('<!DOCTYPE html><title>App</title>');
          return true;
        },
      });
      await expect(load(url, { retry })).rejects.toThrow(
        /model\.json: expected the file, got an HTML page.*single-page/,
      );
    }
  });

  it('where a file was changed, cut short, or is a pointer of Git LFS', async () => {
    const flipped = await changed('model.safetensors', (bytes) => {
      bytes[bytes.length - 1]! ^= 1;
      return bytes;
    });
    await expect(load(flipped.url, { retry })).rejects.toThrow(/sha256 [0-9a-f]{64}, got sha256 .*publish the whole/);
    const short = await changed('model.safetensors', (bytes) => bytes.subarray(0, -8));
    await expect(load(short.url, { retry })).rejects.toThrow(/expected \d+ bytes .* got \d+ bytes/);
    const pointer = await changed(
      'model.safetensors',
      () => 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n',
    );
    await expect(load(pointer.url, { retry })).rejects.toThrow(/got a pointer of Git LFS; .*git lfs pull/);
  });

  it('where model.json is damaged, of another format, or without its list', async () => {
    const broken = await changed('model.json', (text) => text.subarray(0, 50));
    await expect(load(broken.url, { retry })).rejects.toThrow(/got a file that is not JSON/);
    const foreign = await changed('model.json', () => '{"format": "other"}');
    await expect(load(foreign.url, { retry })).rejects.toThrow(/expected format diptych-model/);
    const edit = (change: (manifest: { files?: unknown }) => void) =>
      changed('model.json', (text) => {
        const manifest = JSON.parse(String(text));
        change(manifest);
        return JSON.stringify(manifest);
      });
    const old = await edit((manifest) => {
      delete manifest.files;
    });
    await expect(load(old.url, { retry })).rejects.toThrow(/got none: an older version wrote it; write it anew/);
    const climbing = await edit((manifest) => {
      manifest.files = { '../../secret': { bytes: 1, sha256: '0'.repeat(64) } };
    });
    await expect(load(climbing.url, { retry })).rejects.toThrow(/a relative path with \/ and without \.\./);
  });

  it('where nobody answers, and for what is no address', async () => {
    await expect(load('http://127.0.0.1:1/', { retry })).rejects.toThrow(/model\.json: it cannot be reached: /);
    await expect(load(new URL('file:///tmp/model'))).rejects.toThrow(/http: or https: address of a folder/);
    await expect(load('https://')).rejects.toThrow(/http: or https: address of a folder/);
    const misspelt = { onprogress: () => {} } as object;
    await expect(load(folder, misspelt)).rejects.toThrow(/onProgress/);
  });
});
