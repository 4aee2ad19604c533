// Packs every package, installs the tarballs into an empty project outside the workspace, and tries them there as a user
// would: publint and attw, a gradient, both module systems at once. check-docs.mjs runs the READMEs' examples.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publishedPackages, root } from './packages.mjs';
import { createUserProject } from './user-project.mjs';

const GRADIENT = `
import '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import assert from 'node:assert';
const [slope] = tf.grad((x) => tf.square(x))(tf.tensor1d([3])).dataSync();
assert.strictEqual(slope, 6);
`;

const results = [];
const packages = publishedPackages();
const { project, packed, remove } = createUserProject();

try {
  for (const [name, tarball] of packed) {
    check(`publint ${name}`, 'npx', ['publint', 'run', tarball, '--strict'], root);
    check(`attw ${name}`, 'npx', ['attw', tarball, '--profile', 'esm-only'], root);
  }
  writeFileSync(join(project, 'gradient.mjs'), GRADIENT);
  check('a gradient in plain Node', 'node', ['gradient.mjs'], project);
  writeFileSync(join(project, 'both.mjs'), bothSystems(packages.map(({ manifest }) => manifest)));
  check('import and require in one process', 'node', ['--no-warnings', 'both.mjs'], project);
} finally {
  remove();
}

const failed = results.filter((result) => !result.ok);
console.log(`${results.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;

function bothSystems(manifests) {
  const specifiers = manifests.flatMap(({ name, exports }) =>
    Object.keys(exports)
      .filter((path) => path !== './package.json')
      .map((path) => name + path.slice(1)),
  );
  return `
import { createRequire } from 'node:module';
import assert from 'node:assert';
const require = createRequire(import.meta.url);
for (const name of ${JSON.stringify(specifiers)}) {
  const imported = await import(name);
  const required = require(name);
  for (const key of Object.keys(imported)) assert.strictEqual(imported[key], required[key], name + ' has a second ' + key);
}
process.exit(0);
`;
}

function check(name, command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  report(name, status === 0, `${stdout}${stderr}`);
}

function report(name, ok, output) {
  results.push({ name, ok });
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`);
  if (!ok) console.log(output.trim().split('\n').slice(-25).join('\n'));
}
