import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../encode-safetensors.js';
import { pushFolder } from './push-folder.js';
import { PushHub } from './push-hub.fixture.js';

const retry = { retries: 2, backoff: 1 };
let hub: PushHub;
let folder: string;
beforeEach(async () => {
  hub = await PushHub.start();
  folder = mkdtempSync(join(tmpdir(), 'push-'));
  mkdirSync(join(folder, 'diptych'));
  const weights = encodeSafetensors({ w: { dtype: 'float32', shape: [5000], data: new Float32Array(5000).fill(3) } });
  writeFileSync(join(folder, 'model.safetensors'), weights);
  writeFileSync(join(folder, 'diptych/model.json'), '{"a": "ü"}');
  writeFileSync(join(folder, 'README.md'), '---\nlicense: mit\n---\n# Card\n');
  writeFileSync(join(folder, '.env'), 'SECRET=1');
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await hub.stop();
});
const push = (id = 'me/model', options = {}) =>
  pushFolder(folder, id, { endpoint: hub.endpoint, token: 'hf_good', retry, ...options });
const FILES = ['README.md', 'diptych/model.json', 'model.safetensors'];

describe('pushFolder', () => {
  it('makes a private repository and uploads all but hidden files, the token to the hub alone', async () => {
    const seen: string[] = [];
    const report = await push('me/model', { onProgress: ({ file }: { file: string }) => void seen.push(file) });
    expect(report).toMatchObject({ url: `${hub.endpoint}/me/model`, created: true, files: FILES });
    expect(report.commit).toMatch(/^[0-9a-f]{40}$/);
    const { visibility, branches } = hub.repositories.get('me/model')!;
    expect(visibility).toBe('private');
    const tree = branches.get('main')!;
    expect([...tree.keys()].sort()).toEqual(FILES);
    for (const file of FILES) expect(tree.get(file)!.equals(readFileSync(join(folder, file))), file).toBe(true);
    expect(hub.messages).toEqual(['Upload with diptych']);
    expect(seen).toContain('model.safetensors');
    // the hub is asked about the card before anything is sent
    expect(hub.log[0]!.path).toBe('/api/validate-yaml');
  });

  it('commits to one that is there, on a branch of its own, and sends nothing twice', async () => {
    await push('me/model', { public: true });
    hub.log.length = 0;
    writeFileSync(join(folder, 'diptych/model.json'), '{"a": 2}');
    const report = await push('me/model', { revision: 'v2', message: 'better' });
    expect(report.created).toBe(false);
    expect(hub.log.filter(({ path }) => path.startsWith('/storage/'))).toEqual([]);
    const { visibility, branches } = hub.repositories.get('me/model')!;
    expect(visibility).toBe('public');
    expect(String(branches.get('v2')!.get('diptych/model.json'))).toBe('{"a": 2}');
    expect(String(branches.get('main')!.get('diptych/model.json'))).toBe('{"a": "ü"}');
    expect(hub.messages.at(-1)).toBe('better');
  });

  it.each(['create', 'preupload', 'objects/batch', '/storage/', '/commit/'])(
    'gets through %s although the line is cut before and after, and the hub has a fault',
    async (match) => {
      hub.troubles.push({ match, trouble: { status: 503 } }, { match, trouble: 'cut-after' });
      const { commit } = await push();
      expect(commit).toMatch(/^[0-9a-f]{40}$/);
      hub.troubles.push({ match, trouble: 'cut-before' });
      writeFileSync(join(folder, 'model.safetensors'), encodeSafetensors({}));
      await push();
      expect(hub.troubles).toEqual([]);
      expect(hub.repositories.get('me/model')!.branches.get('main')!.size).toBe(3);
    },
  );

  it('says what the hub says, and never the token', async () => {
    const failed = (promise: Promise<unknown>) =>
      promise.then(
        () => '',
        (error: unknown) => inspect(error, { depth: 9 }),
      );
    const unknown = await failed(push('me/model', { token: 'hf_secret_token' }));
    expect(unknown).toMatch(/does not know this token \(HTTP 401 .*Invalid credentials; make a new one/);
    expect(unknown).not.toContain('hf_secret_token');
    expect(await failed(push('others/model'))).toMatch(/may not write there \(HTTP 403 .*under others; check the name/);
    hub.troubles.push({ match: '/commit/', trouble: { status: 409, body: { error: 'A commit has happened since' } } });
    expect(await failed(push())).toMatch(/HTTP 409 .*A commit has happened since; push again/);
    hub.troubles.push(...Array.from({ length: 3 }, () => ({ match: 'batch', trouble: 'cut-before' as const })));
    expect(await failed(push())).toMatch(/objects\/batch cannot be reached/);
  });

  it('refuses a bad card before anything is uploaded, unless a mirror does not know how', async () => {
    writeFileSync(join(folder, 'README.md'), '---\nlicense: mine\n---\n');
    await expect(push()).rejects.toThrow(/README\.md: "license" must be one of .*; mend the block/);
    expect(hub.repositories.size).toBe(0);
    hub.troubles.push({ match: 'validate-yaml', trouble: { status: 404 } });
    await push();
  });

  it('wants a token, an id and files', async () => {
    const home = process.env.HF_HOME;
    process.env.HF_HOME = folder;
    delete process.env.HF_TOKEN;
    await expect(push('me/model', { token: undefined })).rejects.toThrow(
      /a token that may write, got none; set HF_TOKEN/,
    );
    if (home === undefined) delete process.env.HF_HOME;
    else process.env.HF_HOME = home;
    await expect(push('model')).rejects.toThrow(/org\/name/);
    await expect(push('me/model@v2')).rejects.toThrow(/a branch is the option revision/);
    mkdirSync(join(folder, 'empty'));
    await expect(pushFolder(join(folder, 'empty'), 'me/model', { token: 'hf_good' })).rejects.toThrow(/with files/);
    await expect(push('me/model', { private: true })).rejects.toThrow(/expected the options/);
  });
});
