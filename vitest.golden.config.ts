import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { workspaceAliases } from './tooling/aliases.ts';

const folder = resolve(
  process.env.INIT_CWD ?? process.cwd(),
  process.env.DIPTYCH_GOLDEN ?? `${import.meta.dirname}/golden`,
);

export default defineConfig({
  resolve: { alias: workspaceAliases() },
  test: {
    include: ['packages/*/golden/**/*.golden.test.ts'],
    globalSetup: ['tooling/golden-setup.ts'],
    env: { DIPTYCH_GOLDEN: folder },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
