import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const root = resolve(import.meta.dirname, '../../..');

/** What became of a program in a process of its own. */
export interface ChildResult {
  readonly status: number | null;
  readonly signal: string | null;
  readonly output: string;
}

/**
 * A function that runs modules, with this package's source as `@diptych/pjrt`, in processes of their own: what crashes there
 * is told here. `flags` are Node's.
 */
export async function childRunner(): Promise<{
  run(source: string, flags?: readonly string[]): ChildResult;
  remove(): void;
}> {
  // inside the repository, where koffi and yauzl are found
  const folder = mkdtempSync(join(root, 'node_modules/.pjrt-test-'));
  await build({
    entryPoints: [join(root, 'packages/pjrt/src/index.ts')],
    outfile: join(folder, 'pjrt.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['koffi', 'yauzl'],
    tsconfig: join(root, 'packages/pjrt/tsconfig.json'),
    logLevel: 'error',
  });
  return {
    run(source, flags = []) {
      const file = join(folder, 'case.mjs');
      writeFileSync(file, source.replace("'@diptych/pjrt'", `'./pjrt.mjs'`));
      const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
      const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...flags, file], {
        encoding: 'utf8',
        timeout: 60_000,
        env,
      });
      return { status, signal, output: stdout + stderr };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
