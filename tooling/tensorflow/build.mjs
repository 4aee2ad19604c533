import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const VERSIONS = { tfjsNode: '4.22.0', headers: '1.9.0', tensorflow: '2.15.1' };

/** Parts of the wheel that the binding is compiled and linked against. */
const WHEEL_PARTS = [
  'tensorflow/libtensorflow_*.so.2',
  'tensorflow/include/tensorflow/c/*',
  'tensorflow/include/tensorflow/core/platform/*',
  'tensorflow/include/tsl/*',
];

/** What is called on the way; all of it is needed once. */
const TOOLS = ['npm', 'python3', 'unzip', 'g++'];

/**
 * Builds tfjs-node in `folder` from the package registries alone: npm has its sources, the Python index has TensorFlow's
 * library. A folder that is built already stays as it is.
 *
 * @returns the folder of the package
 * @throws Error on a system other than Linux x64, or without one of the tools
 */
export function buildTfjsNode(folder) {
  const installed = join(folder, 'node_modules/@tensorflow/tfjs-node');
  const binding = join(installed, 'lib/napi-v8/tfjs_binding.node');
  if (existsSync(binding)) return installed;
  requireTools();
  mkdirSync(folder, { recursive: true });
  installSources(folder);
  const libraries = fetchLibrary(folder, join(installed, 'deps/lib'));
  compileBinding({ folder, installed, binding, libraries });
  return installed;
}

function requireTools() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`tfjs-node is built on Linux x64 only, this is ${process.platform} ${process.arch}`);
  }
  const missing = TOOLS.filter((tool) => !runs(tool));
  if (missing.length > 0) throw new Error(`building tfjs-node needs ${missing.join(', ')}`);
}

function runs(tool) {
  try {
    execFileSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A project of its own, so that neither the repository's modules nor its lock file change. */
function installSources(folder) {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const packages = [`@tensorflow/tfjs-node@${VERSIONS.tfjsNode}`, `node-api-headers@${VERSIONS.headers}`];
  run('npm', ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], folder);
  // As where both are installed in one project, there is one copy of these: the repository's, further up.
  for (const name of ['tfjs-core', 'tfjs-backend-cpu']) {
    rmSync(join(folder, 'node_modules/@tensorflow', name), { recursive: true });
  }
}

/** @returns the folder with the unpacked wheel, whose libraries have moved to `destination` */
function fetchLibrary(folder, destination) {
  const wheels = join(folder, 'wheel');
  const platform = ['--only-binary=:all:', '--python-version', '3.11', '--platform', 'manylinux2014_x86_64'];
  const wheel = `tensorflow_cpu==${VERSIONS.tensorflow}`;
  run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', ...platform, wheel, '-d', wheels], folder);
  const [file] = readdirSync(wheels).filter((name) => name.endsWith('.whl'));
  run('unzip', ['-q', '-o', join(wheels, file), ...WHEEL_PARTS, '-d', wheels], folder);
  rmSync(join(wheels, file));
  mkdirSync(destination, { recursive: true });
  const unpacked = join(wheels, 'tensorflow');
  for (const name of readdirSync(unpacked)) {
    if (name.startsWith('libtensorflow_')) renameSync(join(unpacked, name), join(destination, name));
  }
  return unpacked;
}

function compileBinding({ folder, installed, binding, libraries }) {
  mkdirSync(join(installed, 'lib/napi-v8'), { recursive: true });
  const sources = readdirSync(join(installed, 'binding'))
    .filter((name) => name.endsWith('.cc'))
    .map((name) => join(installed, 'binding', name));
  const headers = [join(folder, 'node_modules/node-api-headers/include'), join(libraries, 'include')];
  run(
    'g++',
    [
      ...['-std=c++17', '-O2', '-shared', '-fPIC', '-DNAPI_VERSION=8'],
      ...headers.flatMap((path) => ['-I', path]),
      ...sources,
      ...['-o', binding, '-L', join(installed, 'deps/lib')],
      ...['-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2', '-Wl,-rpath,$ORIGIN/../../deps/lib'],
    ],
    folder,
  );
}

function run(command, args, cwd) {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
}
