import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ConfigError, HubError, WeightsError } from '@diptych/core';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { browserHubSource } from '../browser-hub-source.js';
import { encodeSafetensors } from '../encode-safetensors.js';
import type { DownloadProgress, HubOptions } from '../hub-options.js';
import { openTensors } from '../open-tensors.js';
import type { ResponseCache } from '../response-cache.js';
import { readJson, type WeightSource } from '../weight-source.js';
import { FakeHub, type Trouble } from './fake-hub.fixture.js';
import { hubEnvironment } from './hub-environment.js';
import { hubSource } from './hub-source.js';

const weights = encodeSafetensors({
  w: { dtype: 'float32', shape: [100, 100], data: Float32Array.from({ length: 10_000 }, (_, i) => i) },
});
const files = {
  'config.json': new TextEncoder().encode('{"hidden_size": 768}'),
  'model.safetensors': weights,
  '1_Pooling/config.json': new TextEncoder().encode('{}'),
  'empty.txt': new Uint8Array(0),
};
const retry = { retries: 2, backoff: 1, stallTimeout: 1500 };

let hub: FakeHub;
let cacheDir = '';
beforeEach(async () => {
  hub = await FakeHub.start(files);
  cacheDir = mkdtempSync(join(tmpdir(), 'diptych-hub-'));
});
afterEach(async () => {
  await hub.stop();
  rmSync(cacheDir, { recursive: true, force: true });
});
const trouble = (match: string, ...troubles: Trouble[]) => {
  for (const each of troubles) hub.troubles.push({ match, trouble: each });
};

interface Driver {
  readonly name: string;
  open(id: string, options?: HubOptions): WeightSource;
}
const drivers: Driver[] = [
  {
    name: 'hubSource (disk)',
    open: (id, options) =>
      hubSource(id, { endpoint: hub.endpoint, cacheDir, retry, token: '', offline: false, ...options }),
  },
  {
    name: 'browserHubSource (fetch)',
    open: (id, options) => browserHubSource(id, { endpoint: hub.endpoint, retry, ...options }),
  },
];

describe.each(drivers)('$name', ({ open }) => {
  it('lists and reads files, over pages, at a commit', async () => {
    hub.pageSize = 2;
    const source = open('org/model@v1.0');
    expect(source.name).toBe('org/model@v1.0');
    expect(await source.list()).toEqual(['1_Pooling/config.json', 'config.json', 'empty.txt', 'model.safetensors']);
    expect(await readJson(source, 'config.json')).toEqual({ hidden_size: 768 });
    expect(await source.read('empty.txt')).toHaveLength(0);
    expect((await openTensors(source)).read('w').data[9999]).toBe(9999);
    expect(hub.downloads.every(({ url }) => url.includes(hub.commit))).toBe(true);
    await expect(source.read('missing.txt')).rejects.toThrow(
      /org\/model@v1.0: expected a file missing.txt, got 1_Pooling/,
    );
    await expect(source.read('../secret')).rejects.toThrow(WeightsError);
  });

  it('goes on where a cut download stopped', async () => {
    trouble('/resolve/', { cutAfter: 10_000 }, { cutAfter: 15_000 });
    expect(new Uint8Array(await open('org/model').read('model.safetensors'))).toEqual(weights);
    expect(hub.downloads.map(({ range }) => range)).toEqual(['bytes=0-', 'bytes=10000-', 'bytes=25000-']);
  });

  it('starts again where the server cannot resume, and does not do so for ever', async () => {
    trouble('/resolve/', { cutAfter: 10_000 }, 'ignoreRange');
    expect(new Uint8Array(await open('org/model').read('model.safetensors'))).toEqual(weights);
    trouble('/resolve/', ...Array<Trouble>(3).fill({ cutAfter: 0 }));
    await expect(open('org/model').read('config.json')).rejects.toThrow(/broke off 3 times with 0 of 20 bytes/);
  });

  it('reconnects when nothing comes any more, but waits for slow bodies', async () => {
    trouble('/resolve/', 'stall', 'trickle');
    expect(new Uint8Array(await open('org/model').read('model.safetensors'))).toEqual(weights);
    expect(hub.downloads).toHaveLength(2);
  });

  it('refuses content with the wrong hash, large or small, and keeps none of it', async () => {
    trouble('model.safetensors', 'corrupt');
    const source = open('org/model');
    await expect(source.read('model.safetensors')).rejects.toThrow(
      /expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}; something on the way/,
    );
    trouble('config.json', 'corrupt');
    await expect(source.read('config.json')).rejects.toThrow(/expected git-sha1/);
    expect(new Uint8Array(await source.read('model.safetensors'))).toEqual(weights);
  });

  it('waits when told to, and repeats after faults of the server', async () => {
    trouble('/revision/', { status: 429, headers: { 'retry-after': '0' } }, { status: 503 });
    trouble('/tree/', { status: 502 });
    expect(await open('org/model').list()).toHaveLength(4);
    trouble('/revision/', { status: 429, headers: { 'retry-after': '1' } });
    const start = performance.now();
    await open('org/model').list();
    expect(performance.now() - start).toBeGreaterThan(900);
    const later = new Date(Date.now() + 3_600_000).toUTCString();
    trouble('/revision/', { status: 429, headers: { 'retry-after': later } });
    await expect(open('org/model').list()).rejects.toThrow(/too many requests .*429.* asks to wait 3[56]\d\d s/);
  });

  it.each([
    ['org/nothing', /no such model, or it is private .*HTTP 404/],
    ['org/model@v9', /no such revision .*HTTP 404/],
  ])('says what is missing for %s', async (id, message) => {
    await expect(open(id).list()).rejects.toThrow(HubError);
    await expect(open(id).list()).rejects.toThrow(message);
    await expect(open(id).read('config.json')).rejects.toThrow(message);
  });

  it('tells what to do about 401, 403 and 500', async () => {
    hub.token = 'hf_secret';
    await expect(open('org/model').list()).rejects.toThrow(/set HF_TOKEN or pass `token`/);
    trouble('/revision/', { status: 403, headers: { 'x-error-code': 'GatedRepo' } });
    await expect(open('org/model', { token: 'hf_secret' }).list()).rejects.toThrow(/gated .*accept its terms/);
    trouble('/revision/', ...Array<Trouble>(3).fill({ status: 500 }));
    await expect(open('org/model', { token: 'hf_secret' }).list()).rejects.toThrow(/the hub has a fault \(HTTP 500/);
  });

  it('sends the token to the hub and to nobody else', async () => {
    hub.token = 'hf_secret';
    trouble('/resolve/', 'redirect');
    const source = open('org/model', { token: 'hf_secret' });
    expect(new Uint8Array(await source.read('model.safetensors'))).toEqual(weights);
    expect(hub.downloads.map(({ authorization }) => authorization)).toEqual(['Bearer hf_secret', undefined]);
  });

  it('reports progress up to the end', async () => {
    const seen: DownloadProgress[] = [];
    trouble('/resolve/', { cutAfter: 10_000 });
    await open('org/model', { onProgress: (progress) => seen.push(progress) }).read('model.safetensors');
    expect(seen.at(-1)).toEqual({
      source: 'org/model@main',
      file: 'model.safetensors',
      loaded: weights.length,
      total: weights.length,
    });
    expect(seen.every(({ loaded }, i) => i === 0 || loaded >= seen[i - 1]!.loaded)).toBe(true);
  });

  it('refuses paths from the hub that climb out of the cache', async () => {
    hub.files['../../evil.json'] = new TextEncoder().encode('{}');
    await expect(open('org/model').list()).rejects.toThrow(/relative path .* got "\.\.\/\.\.\/evil.json"/);
    delete hub.files['../../evil.json'];
  });

  it('refuses ids that are none', () => {
    for (const id of ['', 'a/b/c', '../x', 'org/name@', 'org/name@../..', 'org/na me', 'https://x.org/a']) {
      expect(() => open(id)).toThrow(ConfigError);
    }
  });

  it('takes the user of an address along and names neither it nor queries', async () => {
    const endpoint = hub.endpoint.replace('//', '//me:hush@');
    hub.token = 'right';
    const asking = open('org/model', { endpoint, token: 'wrong' });
    await expect(asking.list()).rejects.toThrow(/HTTP 401 for http:\/\/127/);
    await expect(open('org/model', { endpoint }).list()).rejects.not.toThrow('hush');
    expect(hub.requests.map(({ authorization }) => authorization).slice(-2)).toEqual([
      'Bearer wrong',
      `Basic ${btoa('me:hush')}`,
    ]);
    expect(await open('org/model', { endpoint, token: 'right' }).list()).toHaveLength(4);
  });

  it('says when the hub cannot be reached', async () => {
    const { endpoint } = hub;
    await hub.stop();
    await expect(open('org/model', { endpoint }).list()).rejects.toThrow(/cannot be reached: .*ECONNREFUSED/);
    hub = await FakeHub.start(files);
  });
});

describe('the cache on disk', () => {
  const open = (id = 'org/model', options = {}) =>
    hubSource(id, { endpoint: hub.endpoint, cacheDir, retry, token: '', offline: false, ...options });
  const folder = () => join(cacheDir, 'models--org--model');

  it('has the layout of huggingface_hub', async () => {
    await open().read('model.safetensors');
    await open('org/model@refs/pr/1').read('1_Pooling/config.json');
    expect(readFileSync(join(folder(), 'refs/main'), 'utf8')).toBe(hub.commit);
    expect(readFileSync(join(folder(), 'refs/refs/pr/1'), 'utf8')).toBe(hub.commit);
    const pointer = join(folder(), 'snapshots', hub.commit, 'model.safetensors');
    expect(lstatSync(pointer).isSymbolicLink()).toBe(true);
    expect(readlinkSync(pointer)).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(readlinkSync(join(folder(), 'snapshots', hub.commit, '1_Pooling/config.json'))).toMatch(
      /^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/,
    );
    expect(readdirSync(join(folder(), 'blobs'))).toHaveLength(2);
  });

  it('fetches nothing twice, not even at the same time', async () => {
    const source = open();
    await Promise.all([source.read('config.json'), source.read('config.json'), open().read('config.json')]);
    await open().read('config.json');
    expect(hub.downloads).toHaveLength(1);
  });

  it('needs no network for a commit whose files are here', async () => {
    await open().read('config.json');
    await hub.stop();
    expect(await open(`org/model@${hub.commit}`).read('config.json')).toHaveLength(20);
    hub = await FakeHub.start(files);
  });

  it('works offline with what is here, and says what is not', async () => {
    await open().read('config.json');
    const count = hub.requests.length;
    const offline = open('org/model', { offline: true });
    expect(await offline.list()).toEqual(['config.json']);
    expect(await readJson(offline, 'config.json')).toEqual({ hidden_size: 768 });
    await expect(offline.read('model.safetensors')).rejects.toThrow(
      /model.safetensors is not in the cache .*offline mode/,
    );
    await expect(open('org/other', { offline: true }).list()).rejects.toThrow(/this model is not in the cache/);
    expect(hub.requests).toHaveLength(count);
  });

  it('falls back to the cache when the hub is away, but not when it refuses', async () => {
    await open().read('config.json');
    const { endpoint } = hub;
    trouble('/revision/', { status: 401 });
    await expect(open().list()).rejects.toThrow(/HTTP 401/);
    await hub.stop();
    expect(await open('org/model', { endpoint }).read('config.json')).toHaveLength(20);
    hub = await FakeHub.start(files);
  });

  it('goes on after a crash with the bytes that are on disk', async () => {
    trouble('/resolve/', ...Array<Trouble>(4).fill({ cutAfter: 1000 }));
    const giveUp = { ...retry, retries: 0 };
    await expect(open('org/model', { retry: giveUp }).read('model.safetensors')).rejects.toThrow(
      /goes on where it stopped/,
    );
    hub.troubles.length = 0;
    expect(new Uint8Array(await open().read('model.safetensors'))).toEqual(weights);
    expect(hub.downloads.at(-1)!.range).toBe('bytes=1000-');
  });

  it('throws a damaged partial file away and fetches the whole', async () => {
    trouble('/resolve/', { cutAfter: 1000 });
    const giveUp = { ...retry, retries: 0 };
    await expect(open('org/model', { retry: giveUp }).read('model.safetensors')).rejects.toThrow(HubError);
    const [partial] = readdirSync(join(folder(), 'blobs'));
    writeFileSync(join(folder(), 'blobs', partial!), new Uint8Array(2000));
    expect(new Uint8Array(await open().read('model.safetensors'))).toEqual(weights);
    expect(hub.downloads.slice(1).map(({ range }) => range)).toEqual(['bytes=2000-', 'bytes=0-']);
  });

  it('fetches a file again that was cut short in the cache', async () => {
    const path = await open().localPath('model.safetensors');
    writeFileSync(path, weights.subarray(0, 100));
    expect(new Uint8Array(await open().read('model.safetensors'))).toEqual(weights);
  });

  it('takes over the lock of a process that died', async () => {
    const hash = createHash('sha256').update(weights).digest('hex');
    const lock = join(cacheDir, '.locks/models--org--model', `${hash}.diptych.lock`);
    mkdirSync(lock, { recursive: true });
    utimesSync(lock, 1, 1);
    expect(new Uint8Array(await open().read('model.safetensors'))).toEqual(weights);
  });

  it("sends a mirror's token as it is, and asks for none offline with everything cached", async () => {
    hub.token = 'cmVmdGtuOjAxOjE3';
    expect(await open('org/model', { token: 'cmVmdGtuOjAxOjE3' }).list()).toContain('config.json');
    expect((await open('org/model', { token: 'cmVmdGtuOjAxOjE3' }).read('config.json')).length).toBeGreaterThan(0);
    expect((await open('org/model', { token: 'changeme', offline: true }).read('config.json')).length).toBeGreaterThan(
      0,
    );
    const broken = open('org/model', { token: 'two words\n' });
    await expect(broken.list()).rejects.toThrow(/a token of printable ASCII characters/);
  });

  it('serves several processes at once with one download', async () => {
    trouble('model.safetensors', 'trickle');
    const script = join(cacheDir, 'fetch.cjs');
    await build({
      stdin: {
        contents: `import { hubSource } from './hub-source.js';
          const [endpoint, cacheDir] = process.argv.slice(2);
          hubSource('org/model', { endpoint, cacheDir, token: '', offline: false })
            .read('model.safetensors').then((bytes) => console.log(bytes.length));`,
        resolveDir: import.meta.dirname,
      },
      alias: {
        '@diptych/core/http': resolve(import.meta.dirname, '../../../core/src/http/index.ts'),
        '@diptych/core/node': resolve(import.meta.dirname, '../../../core/src/node/index.ts'),
        '@diptych/core': resolve(import.meta.dirname, '../../../core/src/index.ts'),
      },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outfile: script,
      logLevel: 'error',
    });
    const run = () => promisify(execFile)(process.execPath, [script, hub.endpoint, cacheDir]);
    const results = await Promise.all([run(), run(), run()]);
    for (const { stdout } of results) expect(stdout.trim()).toBe(String(weights.length));
    expect(hub.downloads).toHaveLength(1);
  });
});

describe('hubEnvironment', () => {
  it('reads what Python reads', () => {
    const empty = { XDG_CACHE_HOME: '/cache', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' };
    expect(hubEnvironment({}, empty)).toEqual({
      cacheDir: '/cache/huggingface/hub',
      endpoint: 'https://huggingface.co',
      token: undefined,
      offline: false,
    });
    const env = { HF_HOME: cacheDir, HF_TOKEN: ' hf_a\n', HF_ENDPOINT: 'http://mirror/', HF_HUB_OFFLINE: 'ON' };
    expect(hubEnvironment({}, env)).toEqual({
      cacheDir: join(cacheDir, 'hub'),
      endpoint: 'http://mirror',
      token: 'hf_a',
      offline: true,
    });
    expect(hubEnvironment({}, { HF_HOME: '/h', HF_HUB_CACHE: '/c' }).cacheDir).toBe('/c');
    expect(hubEnvironment({ token: 'hf_b', offline: false, endpoint: 'x', cacheDir: '/d' }, env)).toEqual({
      cacheDir: '/d',
      endpoint: 'x',
      token: 'hf_b',
      offline: false,
    });
  });

  it('finds the token that a login wrote', () => {
    writeFileSync(join(cacheDir, 'token'), 'hf_file\n');
    expect(hubEnvironment({}, { HF_HOME: cacheDir }).token).toBe('hf_file');
    expect(hubEnvironment({}, { HF_TOKEN_PATH: join(cacheDir, 'token') }).token).toBe('hf_file');
  });
});

describe('the cache of a browser', () => {
  it('keeps checked files by commit', async () => {
    const kept = new Map<string, Response>();
    const cache: ResponseCache = {
      match: async (url) => kept.get(url)?.clone(),
      put: async (url, response) => {
        kept.set(url, response);
      },
    };
    const open = () => browserHubSource('org/model', { endpoint: hub.endpoint, retry, cache });
    await open().read('config.json');
    expect(await open().read('config.json')).toHaveLength(20);
    expect(hub.downloads).toHaveLength(1);
    expect([...kept.keys()]).toEqual([`${hub.endpoint}/org/model/resolve/${hub.commit}/config.json`]);
  });

  it('does without a cache that is full', async () => {
    const cache: ResponseCache = {
      match: async () => undefined,
      put: () => Promise.reject(new Error('QuotaExceeded')),
    };
    const source = browserHubSource('org/model', { endpoint: hub.endpoint, retry, cache });
    expect(await source.read('config.json')).toHaveLength(20);
  });
});
