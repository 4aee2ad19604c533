// An empty project outside of the workspace with every package installed from its tarball, as a user has it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack, publishedPackages, root } from './packages.mjs';

/**
 * Packs all packages and installs them.
 *
 * @param tools packages of the workspace's own development that the project needs too, at the workspace's versions
 * @returns the project's folder, the tarballs by package, and what removes both
 */
export function createUserProject(tools = []) {
  const workplace = mkdtempSync(join(tmpdir(), 'diptych-install-'));
  const tarballs = join(workplace, 'tarballs');
  const project = join(workplace, 'project');
  mkdirSync(tarballs);
  mkdirSync(project);
  const packed = new Map(publishedPackages().map(({ folder, manifest }) => [manifest.name, pack(folder, tarballs)]));
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const dependencies = Object.fromEntries([...packed].map(([name, tarball]) => [name, `file:${tarball}`]));
  for (const name of ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu']) dependencies[name] = '4.22.0';
  for (const name of tools) dependencies[name] = devDependencies[name];
  // the packages depend on each other by version: point these at the tarballs too
  const overrides = Object.fromEntries([...packed.keys()].map((name) => [name, `$${name}`]));
  const manifest = { name: 'a-user', private: true, type: 'commonjs', dependencies, overrides };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest, null, 2));
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: project,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
  return { project, packed, remove: () => rmSync(workplace, { recursive: true, force: true }) };
}
