import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';

/** SwiftShader, the software Vulkan driver of Debian's chromium, unless the environment names another. */
const DRIVER = process.env.VK_ICD_FILENAMES ?? '/usr/lib/chromium/vk_swiftshader_icd.json';
/** Chromium brings Vulkan's loader along, for machines that have none. */
const LIBRARIES = [dirname(DRIVER), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');

const root = resolve(import.meta.dirname, '../../..');
const GRADIENTS = '@tensorflow/tfjs-core/dist/register_all_gradients.js';

/** False where there is no Vulkan driver; says so once a test file asks. */
export function hasVulkan(): boolean {
  const available = process.platform === 'linux' && existsSync(DRIVER);
  if (!available) console.warn(`WebGPU is not tested: no Vulkan driver at ${DRIVER}`);
  return available;
}

/**
 * Runs a TypeScript file on the software driver. Vulkan reads its environment once, so it has a process of its own.
 *
 * @returns the JSON of the last line that it prints
 * @throws Error with what it wrote to stderr
 */
export async function runWithVulkan<Result>(entry: string): Promise<Result> {
  const cache = join(root, '.cache');
  mkdirSync(cache, { recursive: true });
  // inside the repository, where the bundle finds its packages
  const folder = mkdtempSync(join(cache, 'webgpu-'));
  try {
    const outfile = join(folder, 'run.mjs');
    await bundle(entry, outfile);
    const { stdout, stderr, status, signal } = spawnSync(process.execPath, [outfile], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      cwd: root,
      env: { ...process.env, VK_ICD_FILENAMES: DRIVER, XDG_RUNTIME_DIR: folder, LD_LIBRARY_PATH: LIBRARIES },
    });
    const last = stdout.trimEnd().split('\n').at(-1) ?? '';
    if (last.startsWith('{')) return JSON.parse(last) as Result;
    throw new Error(`no result, ended with ${signal ?? status}: ${stdout.slice(-1000)}\n${stderr.slice(-3000)}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The workspace's packages from their sources, and tfjs-core's gradients, which plain Node cannot load; all else stays outside. */
function bundle(entry: string, outfile: string) {
  return build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    ignoreAnnotations: true,
    tsconfig: join(root, 'tsconfig.base.json'),
    plugins: [
      {
        name: 'sources',
        setup({ onResolve }) {
          onResolve({ filter: /register_all_gradients/ }, () => ({
            path: createRequire(import.meta.url).resolve(GRADIENTS),
          }));
          onResolve({ filter: /^[a-z@]/ }, ({ path, kind }) =>
            kind === 'entry-point' || path.startsWith('@diptych/') ? undefined : { path, external: true },
          );
        },
      },
    ],
  });
}
