import { configDefaults, defineConfig } from 'vitest/config';
import { workspaceAliases } from './tooling/aliases.ts';

export default defineConfig({
  resolve: { alias: workspaceAliases() },
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/test/**/*.test.ts',
      'apps/*/src/**/*.test.ts',
      'tests/**/*.test.ts',
    ],
    exclude: [...configDefaults.exclude, '**/golden/**', '**/*.golden.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
  },
});
