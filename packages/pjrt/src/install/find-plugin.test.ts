import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findPlugin, findPlugins } from '../index';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pjrt-find-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(...path: string[]): string {
  const file = join(folder, ...path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '');
  return file;
}

it('finds what PJRT_PLUGIN names, what was installed, and what Python has, in this order', () => {
  const named = put('my-plugin.so');
  const cpu = put('cache/cpu/lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so');
  const cuda = put('cache/cuda12/jax_plugins/xla_cuda12/xla_cuda_plugin.so');
  const tpu = put('venv/lib/python3.11/site-packages/libtpu/libtpu.so');
  const env = { VIRTUAL_ENV: join(folder, 'venv') };
  const cache = join(folder, 'cache');
  expect(findPlugins({ cache, env: { ...env, PJRT_PLUGIN: named } }).map(({ path }) => path)).toEqual([
    named,
    cuda,
    cpu,
    tpu,
  ]);
  expect(findPlugin('tpu', { cache, env })).toBe(tpu);
  expect(findPlugin('cpu', { env: { ...env, DIPTYCH_PJRT_CACHE: cache } })).toBe(cpu);
  expect(findPlugin('cpu', { env: { XDG_CACHE_HOME: folder } })).toBeUndefined();
  // it is what is meant, whatever it runs on
  expect(findPlugin('cuda13', { cache, env: { PJRT_PLUGIN: named } })).toBe(named);
});

it('says what is wrong', () => {
  expect(() => findPlugin('gpu' as never, { env: {} })).toThrow(
    'expected one of the plugins cpu, cuda12, cuda13, tpu, got gpu',
  );
  expect(() => findPlugin('cpu', { env: { PJRT_PLUGIN: '/no/plugin.so' } })).toThrow(
    '/no/plugin.so, which is not there',
  );
  expect(() => findPlugins({ folder: '' } as never)).toThrow('cache, env');
});
