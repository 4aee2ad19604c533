/**
 * Runs tfjs-core's own tests (jasmine, as published in its dist/ folder) on a backend.
 *
 *   node tooling/tfjs-suite.mjs [--backend onnxruntime|xla|cpu] [--force-native] [--filter TEXT] [--json FILE]
 *
 * Prints a summary; the exit status is 1 when a test fails.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);
const { values: options } = parseArgs({
  options: {
    backend: { type: 'string', default: 'onnxruntime' },
    'force-native': { type: 'boolean', default: false },
    filter: { type: 'string' },
    json: { type: 'string' },
  },
});
/** How each backend is asked for, from the sources of its package. */
const ENGINES = {
  onnxruntime: { folder: 'tfjs-backend-onnxruntime', use: 'useOnnxRuntime', options: {} },
  xla: { folder: 'tfjs-backend-xla', use: 'useXla', options: { plugin: process.env.PJRT_PLUGIN ?? 'cpu' } },
  cpu: null,
};
const engine = ENGINES[options.backend];
if (engine === undefined) throw new Error(`--backend is one of ${Object.keys(ENGINES).join(', ')}`);
const repository = resolve(import.meta.dirname, '..');
const root = join(repository, 'packages', engine?.folder ?? 'tfjs-backend-onnxruntime');
const core = resolve(dirname(require.resolve('@tensorflow/tfjs-core/package.json')), 'dist');

const bundle = await bundleTests();
process.on('exit', () => rmSync(bundle));
const summary = await runTests(bundle);
if (options.json) writeFileSync(options.json, JSON.stringify(summary, null, 1));
for (const { name, message } of summary.failures) console.log(`FAILED ${name}\n    ${message}`);
console.log(`${summary.passed} passed, ${summary.failures.length} failed, ${summary.skipped} skipped`);
if (summary.calls) console.log(`kernel calls: ${summary.calls.native} native, ${summary.calls.fallback} fallback`);
process.exit(summary.failures.length > 0 ? 1 : 0);

/** One file with tfjs-core, its tests and the backend from source, which so share one copy of tfjs-core. */
async function bundleTests() {
  const folder = join(repository, 'node_modules', '.cache', 'tfjs-suite');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `tests-${process.pid}.mjs`);
  await build({
    stdin: { contents: entry(), resolveDir: root, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    mainFields: ['module', 'main'],
    // tfjs-core marks side effects it needs as absent.
    ignoreAnnotations: true,
    tsconfig: join(repository, 'tsconfig.base.json'),
    external: ['onnxruntime-node', 'koffi', 'jasmine-core', 'canvas'],
    logLevel: 'error',
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
  return outfile;
}

function entry() {
  const tests = readdirSync(core, { recursive: true })
    .filter((file) => file.endsWith('_test.js'))
    .sort();
  const given = { ...engine?.options, forceNative: options['force-native'] };
  const use = engine
    ? `import { ${engine.use} } from './src/index.ts'; export const backend = ${engine.use}(${JSON.stringify(given)});`
    : 'export const backend = null;';
  return `
    import '@tensorflow/tfjs-core';
    import '@tensorflow/tfjs-core/dist/register_all_gradients';
    import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
    import '@tensorflow/tfjs-backend-cpu';
    import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';
    ${use}
    setTestEnvs([{ name: '${options.backend}', backendName: '${options.backend}', isDataSync: true }]);
    export const load = () => { ${tests.map((file) => `require(${JSON.stringify(join(core, file))});`).join('\n')} };
  `;
}

async function runTests(file) {
  const jasmine = require('jasmine-core').boot();
  const env = jasmine.getEnv();
  jasmine.DEFAULT_TIMEOUT_INTERVAL = 20_000;
  const summary = { names: [], passed: 0, skipped: 0, failures: [], calls: null, kernels: null };
  env.clearReporters();
  env.addReporter({
    specDone({ status, fullName, failedExpectations }) {
      summary.names.push(`${status} ${fullName}`);
      if (status === 'passed') summary.passed++;
      else if (status === 'failed') {
        summary.failures.push({
          name: fullName,
          message: failedExpectations[0]?.message ?? '',
          stack: failedExpectations[0]?.stack,
        });
      } else if (status === 'pending') summary.skipped++;
    },
  });
  const { backend, load } = await import(pathToFileURL(file).href);
  load();
  const { filter } = options;
  // A fixed order, so that a failure can be repeated.
  env.configure({ random: false, ...(filter && { specFilter: (spec) => spec.getFullName().includes(filter) }) });
  await env.execute();
  if (backend) {
    summary.kernels = backend.stats().kernels;
    summary.calls = { native: 0, fallback: 0 };
    for (const { native, fallback } of Object.values(summary.kernels)) {
      summary.calls.native += native;
      summary.calls.fallback += fallback;
    }
    summary.stats = backend.stats();
  }
  return summary;
}
