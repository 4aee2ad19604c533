import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig, type Options } from 'tsup';

/** Build settings shared by every package: ESM only, one file an entry, types beside it. */
export function packageOptions(overrides: Options = {}): Options {
  return {
    entry: ['src/index.ts'],
    format: ['esm'],
    target: 'es2022',
    platform: 'neutral',
    // tsup takes `paths` from the base url, and the package's folder for it; they count from the repository's root
    dts: { compilerOptions: { baseUrl: '../..' } },
    sourcemap: true,
    clean: true,
    treeshake: false,
    ...overrides,
  };
}

export function packageConfig(overrides: Options = {}) {
  return defineConfig(packageOptions(overrides));
}

/**
 * The same for browsers, into `dist/browser`: where a file has another one beside it that ends in `.browser.ts`, that one is taken.
 * Types are those of the build for Node, which comes first.
 */
export function browserConfig(overrides: Options = {}) {
  return packageConfig({
    outDir: 'dist/browser',
    dts: false,
    clean: false,
    esbuildPlugins: [browserFiles],
    ...overrides,
  });
}

const browserFiles: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'files-for-browsers',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\/.*\.js$/ }, ({ path, resolveDir }) => {
      const other = resolve(resolveDir, path.replace(/\.js$/, '.browser.ts'));
      return existsSync(other) ? { path: other } : undefined;
    });
  },
};
