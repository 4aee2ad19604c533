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
