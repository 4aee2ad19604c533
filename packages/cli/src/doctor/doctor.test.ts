import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { report } from '../commands/doctor-run.js';
import { doctor } from './doctor.js';
import { type Machine, thisMachine } from './machine.js';

const GIB = 2 ** 30;
let folder: string;
let hub: ReturnType<typeof createServer>;
let endpoint: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'diptych-doctor-'));
  hub = createServer(({ url, headers }, answer) => {
    const isRefused = url === '/api/whoami-v2' && headers.authorization !== 'Bearer hf_known';
    answer.writeHead(isRefused ? 401 : 200).end('{}');
  });
  await new Promise<void>((done) => hub.listen(0, '127.0.0.1', done));
  endpoint = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`;
});
afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});
afterAll(() => {
  hub.close();
  rmSync(folder, { recursive: true, force: true });
});

const machine = (own: Partial<Machine> = {}, env: NodeJS.ProcessEnv = {}): Machine => ({
  nodeVersion: '22.1.0',
  platform: 'linux',
  arch: 'x64',
  env: { HF_ENDPOINT: endpoint, HF_HOME: folder, ...env },
  fetch,
  isMusl: () => false,
  processor: () => ({ model: 'A processor', threads: 4, features: new Set(['avx2', 'avx512f']) }),
  memory: () => ({ total: 16 * GIB, available: 8 * GIB }),
  disk: async () => ({ writable: true, free: 50 * GIB }),
  hasGpu: () => false,
  tryEngine: async () => ({}),
  tryPictures: async () => ({}),
  xla: async () => undefined,
  ...own,
});
/** `level found | remedy` of one thing. */
async function said(what: string, own: Partial<Machine> = {}, env: NodeJS.ProcessEnv = {}, config?: string) {
  const findings = await doctor(machine(own, env), { runs: join(folder, 'runs'), ...(config && { config }) });
  // each that is not well has a remedy
  for (const { level, remedy } of findings) expect(remedy === undefined).toBe(level === 'ok');
  const { level, found, remedy } = findings.find((finding) => finding.what.startsWith(what))!;
  return [`${level} ${found}`, remedy].filter(Boolean).join(' | ');
}

it('finds a machine well', async () => {
  const findings = await doctor(machine(), { runs: folder });
  expect(findings.filter(({ level }) => level !== 'ok').map(({ what }) => what)).toEqual(['default towers']);
  expect(await said('Node')).toBe('ok 22.1.0 on linux-x64');
  expect(await said('processor')).toBe('ok A processor, 4 threads, AVX-512, AVX2');
});

it('says of machines what they lack', async () => {
  expect(await said('Node', { nodeVersion: '20.18.3' })).toMatch(/^mend 20.18.3 .* install Node 20.19 or newer/);
  const processor = (more: object) => () => ({ model: 'Old', threads: 4, ...more });
  expect(await said('processor', { processor: processor({ features: new Set(['sse4_2']) }) })).toMatch(
    /^note Old, 4 threads, no AVX \|/,
  );
  expect(await said('processor', { arch: 'arm64', processor: processor({}) })).toBe('ok Old, 4 threads');
  expect(await said('processor time', { processor: processor({ quota: 1.5 }) })).toMatch(
    /^note the container has 1.5 of 4 cores .*--cpus=4$/,
  );
  const limited = { total: 64 * GIB, limit: 2 * GIB, available: 1.5 * GIB };
  expect(await said('memory', { memory: () => limited })).toMatch(
    /^note 1.5 GiB free of 2.0 GiB, the container's limit \(machine: 64.0 GiB\) \| raise the limit/,
  );
  expect(await said('memory', { memory: () => ({ ...limited, available: GIB / 2 }) })).toMatch(/^mend 0.5 GiB/);
  expect(await said('runs in', { disk: async () => ({ writable: false, free: GIB }) })).toMatch(
    /^mend cannot be written \|.*--runs/,
  );
  expect(await said('runs in', { disk: async () => ({ writable: true, free: GIB / 2 }) })).toMatch(
    /^mend 0.5 GiB free \|/,
  );
  expect(await said('pictures', { tryPictures: async () => ({ error: 'no sharp', remedy: 'get it' }) })).toBe(
    'mend no sharp | get it',
  );
});

it('says which engines work', async () => {
  const broken = { tryEngine: async () => ({ error: 'SIGILL' }), hasGpu: () => true };
  expect(await said('engine', broken)).toMatch(/^mend SIGILL \| npm install .* --backend wasm$/);
  expect(await said('engine', { ...broken, isMusl: () => true })).toMatch(/Alpine.*node:22-slim/);
  expect(await said('GPU', broken)).toMatch(/^note SIGILL \| install a Vulkan driver/);
  expect(await said('GPU', { hasGpu: () => true })).toBe('ok trains a small step');
  const xla = async () => [
    { what: 'plugins', found: 'none', remedy: 'install one' },
    { what: 'platform', found: 'linux-x64' },
  ];
  expect(await said('XLA: plugins', { xla })).toBe('note none | install one');
  expect(await said('XLA: platform', { xla })).toBe('ok linux-x64');
  const plugin = async () => [{ what: 'cpu', found: '1 device' }];
  expect(await said('XLA (--backend xla)', { xla: plugin })).toBe('ok trains a small step');
  expect(await said('XLA (--backend xla)', { ...broken, xla: plugin })).toMatch(/^note SIGILL/);
});

it('asks the hub', async () => {
  expect(await said('hub')).toMatch(/^ok http:\/\/127.0.0.1:\d+ answers$/);
  expect(await said('hub token')).toBe('ok none: public models only');
  expect(await said('hub token', {}, { HF_TOKEN: 'hf_known' })).toBe('ok known');
  expect(await said('hub token', {}, { HF_TOKEN: 'hf_other' })).toMatch(/^mend refused \(401\) \| make a new one/);
  expect(await said('hub token', {}, { HF_TOKEN: 'hf with spaces' })).toMatch(/^mend has spaces/);
  expect(await said('hub', {}, { HF_HUB_OFFLINE: '1' })).toMatch(/^note not asked: offline mode \|/);
  const away = { HF_ENDPOINT: 'http://name:secret@127.0.0.1:1', HTTPS_PROXY: 'http://proxy' };
  const unreached = await said('hub', {}, away);
  expect(unreached).toMatch(/^note http:\/\/127.0.0.1:1 cannot be reached: .*HTTPS_PROXY is set.*NODE_USE_ENV_PROXY=1/);
  expect(unreached).not.toContain('secret');
});

it('reads the configuration, and goes on where it cannot', async () => {
  const file = join(folder, 'broken.config.mjs');
  writeFileSync(file, 'export default { sed: 1 }');
  expect(await said('configuration', {}, {}, file)).toMatch(/^mend .*did you mean seed/);
});

it('prints each finding with its remedy, and fails where something has to be mended', async () => {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((text: string) => void lines.push(text));
  await report({ runs: folder, json: false }, machine());
  expect(process.exitCode).toBeUndefined();
  expect(lines[0]).toMatch(
    /^ok {4}Node: 22.1.0 on linux-x64\n(.*\n)*note {2}default towers: not in the cache: .*\n {6}the first/,
  );
  await report({ runs: folder, json: true }, machine({ nodeVersion: '18.0.0' }));
  expect(process.exitCode).toBe(1);
  expect(JSON.parse(lines[1]!)).toMatchObject({
    ok: false,
    findings: expect.arrayContaining([expect.objectContaining({ level: 'mend' })]),
  });
});

it('looks at the real machine', async () => {
  const real = thisMachine('/no/script.js');
  expect(await real.tryPictures()).toEqual({});
  expect(await real.tryEngine('cpu')).toEqual({ error: expect.stringMatching(/ended the process/) });
  const { total, available } = real.memory();
  expect(available).toBeGreaterThan(0);
  expect(available).toBeLessThanOrEqual(total);
  expect(real.processor().threads).toBeGreaterThan(0);
  expect(await real.disk(join(folder, 'not/yet/made'))).toMatchObject({ writable: true, free: expect.any(Number) });
  // below a file no folder can be made
  expect((await real.disk(join(import.meta.filename, 'runs'))).writable).toBe(false);
});
