import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ServedWheel, serveWheels, type WheelServer, zip } from '../../test/wheels';
import { findPlugin, type InstallOptions, installPlugin } from '../index';

const LIBRARY = 'lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so';
const wheel = (version: string, platform = 'manylinux_2_27_x86_64', more: Partial<ServedWheel> = {}): ServedWheel => ({
  filename: `lammps_jax_pjrt_cpu-${version}-py3-none-${platform}.whl`,
  content: zip({
    [LIBRARY]: { text: `${version} for ${platform}`.repeat(1000) },
    'bin/program': { text: '#!', mode: 0o755 },
  }),
  ...more,
});

let folder: string;
let server: WheelServer | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pjrt-install-'));
});
afterEach(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true });
});

const http = { backoff: 1, stallTimeout: 2000 };
const install = (options: InstallOptions = {}) =>
  installPlugin('cpu', { cache: join(folder, 'cache'), index: server!.index, platform: 'linux-x64', http, ...options });

async function serve(wheels: readonly ServedWheel[], html = false) {
  server = await serveWheels({ 'lammps-jax-pjrt-cpu': wheels }, { html });
  return server;
}

const WHEELS = [
  wheel('0.9.2'),
  wheel('0.11.10'),
  wheel('0.11.9'),
  wheel('0.11.10', 'manylinux_2_27_aarch64'),
  wheel('0.11.11', 'manylinux_2_27_x86_64', { yanked: 'broken' }),
  wheel('0.12.0rc1'),
  wheel('0.12.0.dev3'),
  { filename: 'lammps_jax_pjrt_cpu-0.13.0.tar.gz', content: Buffer.from('') },
];

describe.each([
  ['JSON', false],
  ['HTML', true],
])('an index in %s', (_, html) => {
  it('gives the newest final release for the platform, which is then found', async () => {
    await serve(WHEELS, html);
    const seen: number[] = [];
    const { path, wheels, isNew } = await install({ onProgress: ({ loaded }) => seen.push(loaded) });
    expect({ wheels, isNew }).toEqual({ wheels: [WHEELS[1]!.filename], isNew: true });
    expect(readFileSync(path, 'utf8')).toMatch(/^0\.11\.10 for manylinux_2_27_x86_64/);
    expect(findPlugin('cpu', { cache: join(folder, 'cache'), env: {} })).toBe(path);
    expect(seen.at(-1)).toBe(WHEELS[1]!.content.length);
    expect(statSync(join(folder, 'cache/cpu/bin/program')).mode & 0o777).toBe(0o755);
    expect(statSync(path).mode & 0o111).toBe(0);
    // nothing is left beside it
    expect(readdirSync(join(folder, 'cache'))).toEqual(['cpu']);
  });
});

it('leaves alone what is there, and replaces it by another version', async () => {
  const { asked } = await serve(WHEELS);
  await install();
  const { path, isNew } = await install();
  expect(isNew).toBe(false);
  expect(asked.filter((path) => path.startsWith('/files'))).toHaveLength(1);
  expect(await install({ version: '0.9.2' })).toMatchObject({ isNew: true });
  expect(readFileSync(path, 'utf8')).toMatch(/^0\.9\.2 /);
});

it('goes on where a connection broke, and where a process was killed', async () => {
  const { cuts, asked } = await serve([wheel('1.0')]);
  cuts.push(1000, 5000);
  await install();
  expect(asked.slice(1)).toEqual(
    ['', ' bytes=1000-', ' bytes=6000-'].map((range) => `/files/${wheel('1.0').filename}${range}`),
  );
  const killed = join(folder, 'other/.downloads');
  mkdirSync(killed, { recursive: true });
  mkdirSync(join(folder, 'other/.unpacked-of-before'));
  writeFileSync(join(killed, `${wheel('1.0').filename}.part`), wheel('1.0').content.subarray(0, 700));
  await install({ cache: join(folder, 'other') });
  expect(asked.at(-1)).toMatch(/bytes=700-$/);
  expect(readdirSync(join(folder, 'other'))).toEqual(['cpu']);
});

it('refuses another content than the index promises, and fetches it anew then', async () => {
  const { cuts } = await serve([wheel('1.0')]);
  mkdirSync(join(folder, 'cache/.downloads'), { recursive: true });
  writeFileSync(join(folder, 'cache/.downloads', `${wheel('1.0').filename}.part`), 'something else');
  await expect(install()).rejects.toThrow(/expected content of sha256 [0-9a-f]{64}, got [0-9a-f]{64}/);
  expect(existsSync(join(folder, 'cache/cpu'))).toBe(false);
  cuts.length = 0;
  expect(await install()).toMatchObject({ isNew: true });
});

it('keeps what was installed when a new version fails', async () => {
  const wheels = [wheel('1.0')];
  await serve(wheels);
  const { path } = await install();
  wheels.push(wheel('1.1', 'manylinux_2_27_x86_64', { content: Buffer.from('no zip archive') }));
  await expect(install()).rejects.toMatchObject({ code: 'input' });
  expect(readFileSync(path, 'utf8')).toMatch(/^1\.0 /);
});

it('unpacks nothing outside of its folder', async () => {
  const content = zip({ '../../evil': { text: 'x' }, [LIBRARY]: { text: '' } });
  await serve([wheel('1.0', 'any', { content })]);
  await expect(install()).rejects.toThrow(/cannot be unpacked: invalid relative path/);
  expect(existsSync(join(folder, 'evil'))).toBe(false);
});

it('fetches once for two at a time', async () => {
  const { asked } = await serve([wheel('1.0')]);
  const both = await Promise.all([install(), install()]);
  expect(both.map(({ isNew }) => isNew).sort()).toEqual([false, true]);
  expect(asked.filter((path) => path.startsWith('/files'))).toHaveLength(1);
});

it('says what cannot be had', async () => {
  const { index } = await serve(WHEELS);
  await expect(install({ platform: 'win32-x64' })).rejects.toThrow(/a wheel for win32-x64, got none.*PJRT_PLUGIN/);
  await expect(install({ version: '7.0' })).rejects.toThrow(/a wheel for linux-x64 from 7\.0/);
  await expect(install({ version: 'newest' })).rejects.toMatchObject({ code: 'config' });
  await expect(installPlugin('tpu', { cache: folder, index, http })).rejects.toThrow(
    /libtpu\/: the server answered 404; this index does not/,
  );
  await expect(installPlugin('gpu' as never)).rejects.toThrow('one of the plugins cpu, cuda12, cuda13, tpu, got gpu');
  await expect(install({ index: 'http://127.0.0.1:9/simple', http: { retries: 0 } })).rejects.toMatchObject({
    code: 'hub',
  });
  await expect(install({ proxy: 'x' } as never)).rejects.toMatchObject({ code: 'config' });
});

it('asks the index of pip’s environment, and leaves users out of what it says', async () => {
  const { index, asked } = await serve(WHEELS);
  process.env.PIP_INDEX_URL = index.replace('//', '//user:secret@').replace('/simple', '/simple/');
  try {
    await installPlugin('cpu', { cache: join(folder, 'cache'), platform: 'linux-x64', http });
    expect(asked[0]).toBe('/simple/lammps-jax-pjrt-cpu/');
    const failure = await installPlugin('cpu', { cache: folder, platform: 'win32-x64', http }).catch(String);
    expect(failure).toContain('none');
    expect(failure).not.toContain('secret');
  } finally {
    delete process.env.PIP_INDEX_URL;
  }
});
