import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

/**
 * SwiftShader, the software Vulkan driver of Debian's chromium. Vulkan reads its environment once, so the session runs
 * in a process of its own.
 */
const DRIVER = process.env.VK_ICD_FILENAMES ?? '/usr/lib/chromium/vk_swiftshader_icd.json';
/** Chromium brings Vulkan's loader along, for machines that have none. */
const libraries = [dirname(DRIVER), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
const available = process.platform === 'linux' && existsSync(DRIVER);
if (!available) console.warn(`WebGPU is not tested: no Vulkan driver at ${DRIVER}`);

const SCRIPT = `
import { createSession, DeviceCopies, hostValue } from './ort/index.ts';
import { writeModel } from './onnx/index.ts';

const f32 = (name) => ({ name, dtype: 'float32', shape: [2, 2] });
const model = writeModel({
  nodes: [
    { opType: 'MatMul', inputs: ['state', 'x'], outputs: ['next'], attributes: {} },
    { opType: 'ReduceSum', inputs: ['next'], outputs: ['loss'], attributes: { keepdims: 0 } },
  ],
  inputs: [f32('state'), f32('x')],
  outputs: [f32('next'), { name: 'loss', dtype: 'float32', shape: [] }],
  initializers: [],
});
const session = createSession(model, {
  executionProviders: ['webgpu'],
  preferredOutputLocation: { next: 'gpu-buffer', loss: 'cpu' },
});
const x = hostValue('float32', Float32Array.of(1, 1, 0, 1), [2, 2]);
let state = hostValue('float32', Float32Array.of(1, 0, 0, 1), [2, 2]);
const losses = [];
const locations = [];
for (let step = 0; step < 3; step++) {
  const { next, loss } = session.run({ state, x }, { next: null, loss: null });
  state.dispose();
  state = next;
  losses.push(loss.data[0]);
  locations.push(next.location);
}
let refused;
try {
  state.data;
} catch (error) {
  refused = error.message;
}
const copies = new DeviceCopies();
const downloaded = [...copies.download(state)];
const uploaded = copies.upload(hostValue('float32', Float32Array.of(5, 6), [2, 1]));
const back = [...copies.download(uploaded)];
uploaded.dispose();
copies.dispose();
state.dispose();
let disposed;
try {
  session.run({ state, x }, { loss: null });
} catch (error) {
  disposed = error.message;
}
session.dispose();
console.log(JSON.stringify({ losses, locations, refused, downloaded, back, disposed }));
process.exit(0);
`;

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const cache = join(root, '.cache');

describe.skipIf(!available)('WebGPU sessions', () => {
  it('keep state on the device from run to run', async () => {
    mkdirSync(cache, { recursive: true });
    // inside the repository, where the bundle finds onnxruntime-node
    const folder = mkdtempSync(join(cache, 'webgpu-'));
    const outfile = join(folder, 'run.mjs');
    await build({
      stdin: { contents: SCRIPT, resolveDir: fileURLToPath(new URL('..', import.meta.url)), loader: 'ts' },
      alias: { '@diptych/core': join(root, 'packages/core/src/errors.ts') },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
    });
    const { stdout, stderr } = spawnSync(process.execPath, [outfile], {
      encoding: 'utf8',
      cwd: root,
      env: { ...process.env, VK_ICD_FILENAMES: DRIVER, XDG_RUNTIME_DIR: folder, LD_LIBRARY_PATH: libraries },
    });
    rmSync(folder, { recursive: true });
    expect(stdout, stderr.slice(-2000)).toContain('{');
    const result = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    expect(result.losses).toEqual([3, 4, 5]);
    expect(result.locations).toEqual(['gpu-buffer', 'gpu-buffer', 'gpu-buffer']);
    expect(result.refused).toMatch(/on the GPU/);
    expect(result.downloaded).toEqual([1, 3, 0, 1]);
    expect(result.back).toEqual([5, 6]);
    expect(result.disposed).toMatch(/after dispose/);
  }, 120_000);
});
