// Packs every package, installs the tarballs into an empty project outside the workspace, and tries them there as a user
// would: publint and attw, each README's example by `import` and by `require`, a gradient, both module systems at once.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { pack, publishedPackages, root } from './packages.mjs';

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
const workplace = mkdtempSync(join(tmpdir(), 'diptych-install-'));
const tarballs = join(workplace, 'tarballs');
const project = join(workplace, 'project');
mkdirSync(tarballs);
mkdirSync(project);

try {
  const packed = new Map(packages.map(({ folder, manifest }) => [manifest.name, pack(folder, tarballs)]));
  for (const [name, tarball] of packed) {
    check(`publint ${name}`, 'npx', ['publint', 'run', tarball, '--strict'], root);
    check(`attw ${name}`, 'npx', ['attw', tarball, '--profile', 'esm-only'], root);
  }
  installInto(project, packed);
  for (const { folder, manifest } of packages) {
    tryExample(`README example of ${manifest.name}`, /```ts\n([\s\S]*?)```/.exec(readText(folder, 'README.md'))?.[1]);
  }
  const marked = [...readText(root, 'README.md').matchAll(/<!-- tested -->\n```ts\n([\s\S]*?)```/g)];
  for (const [index, [, example]] of marked.entries()) tryExample(`example ${index + 1} of the README`, example);
  writeFileSync(join(project, 'gradient.mjs'), GRADIENT);
  check('a gradient in plain Node', 'node', ['gradient.mjs'], project);
  writeFileSync(join(project, 'both.mjs'), bothSystems(packages.map(({ manifest }) => manifest)));
  check('import and require in one process', 'node', ['--no-warnings', 'both.mjs'], project);
} finally {
  rmSync(workplace, { recursive: true, force: true });
}

const failed = results.filter((result) => !result.ok);
console.log(`${results.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;

function installInto(folder, packed) {
  const dependencies = Object.fromEntries([...packed].map(([name, tarball]) => [name, `file:${tarball}`]));
  dependencies['@tensorflow/tfjs-core'] = '4.22.0';
  dependencies['@tensorflow/tfjs-backend-cpu'] = '4.22.0';
  // the packages depend on each other by version: point these at the tarballs too
  const overrides = Object.fromEntries([...packed.keys()].map((name) => [name, `$${name}`]));
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'a-user', private: true, type: 'commonjs', dependencies, overrides }, null, 2),
  );
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
  });
}

function readText(folder, name) {
  return readFileSync(join(folder, name), 'utf8');
}

/** Runs an example in the user's project, as an ES module and as CommonJS. */
function tryExample(name, typed) {
  if (typed === undefined) {
    report(name, false, 'README.md has no ```ts block');
    return;
  }
  const file = name.replaceAll(/\W+/g, '-');
  const example = withoutTypes(typed);
  writeFileSync(join(project, `${file}.mjs`), example);
  check(`${name} by import`, 'node', [`${file}.mjs`], project);
  writeFileSync(join(project, `${file}.cjs`), asRequire(example));
  check(`${name} by require`, 'node', ['--no-warnings', `${file}.cjs`], project);
}

/** The example as Node runs it; tests/docs-types.test.ts checks its types. */
function withoutTypes(source) {
  const { ES2022: target } = ts.ScriptTarget;
  const { ESNext: module } = ts.ModuleKind;
  return ts.transpileModule(source, { compilerOptions: { target, module } }).outputText;
}

/** The example with each import written as a require, in an async function because of its awaits. */
function asRequire(source) {
  const requires = [];
  const body = source.replaceAll(
    /^import\s+(?:([^'";]*?)\s+from\s+)?'([^']+)';?[ \t]*(?:\/\/.*)?$/gm,
    (_, names, module) => {
      const call = `require('${module}')`;
      if (names === undefined) requires.push(`${call};`);
      else if (names.startsWith('* as ')) requires.push(`const ${names.slice(5)} = ${call};`);
      else if (names.startsWith('{')) requires.push(`const ${names.replaceAll(/\s+as\s+/g, ': ')} = ${call};`);
      else requires.push(`const ${names} = ${call}.default ?? ${call};`);
      return '';
    },
  );
  return `${requires.join('\n')}\n(async () => {\n${body}\n})().catch((error) => { console.error(error); process.exit(1); });\n`;
}

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
