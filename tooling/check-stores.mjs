// Runs the contract of vector stores with LanceDB too, which is installed into .cache (160 MB that no other test needs), and with a
// PostgreSQL server that has pgvector where DIPTYCH_POSTGRES_URL names one, a Qdrant where DIPTYCH_QDRANT_URL does.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './packages.mjs';

const folder = join(root, '.cache/stores');
const PACKAGES = ['@lancedb/lancedb@0.30.0', 'apache-arrow@18.1.0', 'pg@8.23.1'];

if (!existsSync(join(folder, 'node_modules/pg'))) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...PACKAGES];
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
const { status } = spawnSync('npx', ['vitest', 'run', 'tests/vector-stores.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, DIPTYCH_STORES: folder },
});
process.exit(status ?? 1);
