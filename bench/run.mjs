// npm run bench [-- name …] [--rounds 3] [--no-torch] [--threads n] [--clock wall|cpu] [--unpadded]
// Runs every bench/*.bench.mjs, ours and PyTorch's side in turns, and prints one JSON line a figure. See README.md.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    'no-torch': { type: 'boolean', default: false },
    threads: { type: 'string' },
    clock: { type: 'string' },
    unpadded: { type: 'boolean', default: false },
  },
});
// Read by lib/settings.mjs here and in every child process.
if (values.threads) process.env.DIPTYCH_BENCH_THREADS = values.threads;
if (values.unpadded) process.env.DIPTYCH_BENCH_UNPADDED = '1';
if (values.clock) process.env.DIPTYCH_BENCH_CLOCK = values.clock;
const { findPython, runProgram, runSide, runTorch } = await import('./lib/processes.mjs');

/** Run by name only: tfjs-backend-cpu takes from half an hour to hours for a step of real size. */
const SLOW = ['small-gradients-vs-cpu', 'seed-gradients-vs-cpu'];

const here = fileURLToPath(new URL('.', import.meta.url));
const files = readdirSync(here)
  .filter((name) => name.endsWith('.bench.mjs'))
  .filter((name) => {
    const bench = basename(name, '.bench.mjs');
    return positionals.length === 0 ? !SLOW.includes(bench) : positionals.includes(bench);
  });
const unknown = positionals.filter((name) => !files.includes(`${name}.bench.mjs`));
if (unknown.length) {
  console.error(`no bench is called ${unknown.join(', ')}`);
  process.exit(2);
}

const python = values['no-torch'] ? undefined : findPython();
console.error(
  python
    ? `PyTorch ${python.torch} runs beside us (${python.python})`
    : 'NO PYTORCH: no Python with torch 2 was found (DIPTYCH_PYTHON, .cache/venv, python3) or it was not wanted; ' +
        'lines that compare with it have ratio null. See reference/README.md.',
);

const missing = [];
for (const name of files) {
  const file = `${here}${name}`;
  const inParts = /^export default /m.test(readFileSync(file, 'utf8'));
  try {
    missing.push(...(inParts ? await runParts(file, basename(name, '.bench.mjs')) : await runWhole(file, name)));
  } catch (error) {
    console.error(`${name}: ${error.message}`);
    missing.push(...(inParts ? (await import(pathToFileURL(file).href)).default.names : [name]));
  }
}
if (missing.length) {
  console.error(`missing: ${missing.join(', ')}`);
  process.exitCode = 1;
}

/** Interleaves a bench's two sides; returns the lines that it promised and did not give. */
async function runParts(file, name) {
  const { default: bench } = await import(pathToFileURL(file).href);
  const folder = fileURLToPath(new URL(`../.cache/bench/${name}`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  const prepared = bench.prepare ? await runSide(file, 'prepare', folder) : {};
  const ours = [];
  const torch = [];
  for (let round = 0; round < (bench.rounds ?? Number(values.rounds)); round++) {
    ours.push(await runSide(file, 'measure', folder));
    if (python && bench.torch) torch.push(await runTorch(python.python, bench.torch, folder));
  }
  const lines = bench.lines({ prepared, ours, torch: torch.length ? torch : undefined });
  const kind = values.unpadded ? { padding: 'none' } : {};
  for (const line of lines) console.log(JSON.stringify({ ...line, ...kind }));
  const given = new Set(lines.map((line) => line.name));
  return bench.names.filter((expected) => !given.has(expected));
}

/** A bench that is a program of its own and prints its lines; it has to print at least one. */
async function runWhole(file, name) {
  const lines = (await runProgram(file, python?.python)).split('\n').filter((text) => text.startsWith('{'));
  for (const text of lines) console.log(JSON.stringify(JSON.parse(text)));
  return lines.length ? [] : [name];
}
