import { defineConfig, type Options } from 'tsup';

/** Build settings shared by every package: ESM only, one file an entry, types beside it. */
export function packageOptions(overrides: Options = {}): Options {
  return {
    entry: ['src/index.ts'],
    format: ['esm'],
    target: 'es2022',
    platform: 'neutral',
    dts: true,
    sourcemap: true,
    clean: true,
    treeshake: false,
    ...overrides,
  };
}

export function packageConfig(overrides: Options = {}) {
  return defineConfig(packageOptions(overrides));
}
