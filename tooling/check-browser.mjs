// Bundles the browser-safe packages with esbuild for a browser and fails on a Node built-in.
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './packages.mjs';

const BROWSER_SAFE = [
  '@diptych/core',
  '@diptych/nn',
  '@diptych/weights',
  '@diptych/preprocess/image',
  '@diptych/preprocess/text',
  '@diptych/vision',
  '@diptych/text',
  '@diptych/fusion',
  '@diptych/metrics',
  '@diptych/train',
  'diptych',
  'diptych/weights',
];
const builtins = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
let failed = 0;

for (const name of BROWSER_SAFE) {
  const found = [];
  try {
    const result = await build({
      stdin: { contents: `export * from '${name}';`, resolveDir: join(root, 'packages/cli') },
      bundle: true,
      write: false,
      // the built packages by their export conditions, as a user's bundler sees them, not the sources by tsconfig's paths
      tsconfigRaw: '{}',
      platform: 'browser',
      format: 'esm',
      logLevel: 'silent',
      minify: true,
      plugins: [
        {
          name: 'node-built-ins',
          setup({ onResolve }) {
            onResolve({ filter: /.*/ }, ({ path, importer }) => {
              // tfjs-core names these behind a check of the platform, as every bundle of it does; so does its seedrandom
              if (!builtins.has(path) || /tfjs-core|seedrandom/.test(importer)) return undefined;
              found.push(`${path} (from ${importer})`);
              return { path, external: true };
            });
          },
        },
      ],
      external: ['util', 'fs', 'path', 'crypto', 'node-fetch', 'string_decoder'],
    });
    const size = Math.round(result.outputFiles[0].contents.length / 1024);
    if (found.length > 0) throw new Error(`uses Node built-ins: ${found.join(', ')}`);
    console.log(`ok   ${name} bundles for browsers, ${size} KiB with tfjs-core`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error.message}`);
  }
}
console.log(`${BROWSER_SAFE.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
