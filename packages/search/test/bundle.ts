import { mkdirSync, mkdtempSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../../..');

/** A program of this package and of those that it uses, from their sources, in a new folder from where it finds the others. */
export async function bundle(entry: string): Promise<{ readonly folder: string; readonly program: string }> {
  const cache = join(ROOT, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'diptych-search-'));
  const program = join(folder, basename(entry).replace(/\.ts$/, '.mjs'));
  await build({
    entryPoints: [resolve(import.meta.dirname, '..', entry)],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['onnxruntime-node', '@tensorflow/tfjs-core'],
    tsconfig: join(ROOT, 'tsconfig.base.json'),
    logLevel: 'error',
  });
  return { folder, program };
}
