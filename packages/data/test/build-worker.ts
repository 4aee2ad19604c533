import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { workspaceAliases } from '../../../tooling/aliases.js';

const here = import.meta.dirname;

/** What {@link buildWorker} made. */
export interface BuiltWorker {
  readonly workerFile: string;
  /** The fake parts. */
  readonly module: string;
  /** The factories of @diptych/preprocess. */
  readonly preprocess: string;
}

/**
 * Builds the worker script and the parts from the sources, as threads cannot import TypeScript; so the tests need
 * no build of the packages before.
 *
 * @param folder a temporary folder
 */
export async function buildWorker(folder: string): Promise<BuiltWorker> {
  const aliases = workspaceAliases();
  await build({
    entryPoints: {
      worker: resolve(here, '../src/worker.ts'),
      parts: resolve(here, 'fake-parts.ts'),
      preprocess: resolve(here, 'preprocess-parts.ts'),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    plugins: [
      {
        name: 'workspace',
        setup({ onResolve, resolve: again }) {
          onResolve({ filter: /^@diptych\// }, ({ path }) => {
            const alias = aliases.find(({ find }) => find.test(path));
            return alias ? { path: path.replace(alias.find, alias.replacement) } : undefined;
          });
          onResolve({ filter: /^(piscina|fzstd|sharp)$/ }, async ({ path, kind, pluginData }) => {
            if (pluginData === 'seen') return undefined;
            const found = await again(path, { kind, resolveDir: here, pluginData: 'seen' });
            // By address: the temporary folder has no node_modules.
            return { path: pathToFileURL(found.path).href, external: true };
          });
        },
      },
    ],
  });
  const built = (name: string) => resolve(folder, `${name}.mjs`);
  return {
    workerFile: built('worker'),
    module: pathToFileURL(built('parts')).href,
    preprocess: pathToFileURL(built('preprocess')).href,
  };
}
