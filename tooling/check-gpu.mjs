// What a GPU makes of the steps that users run: speed, memory, compilation, and whether it trains as a CPU does. For whoever has one:
//
//   npx diptych-pjrt install cuda13 && npm run check:gpu
//
// `--plugin cpu --tiny` runs the same on the CPU with small models, which is how it is tested. `--json` prints lines of JSON.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './packages.mjs';

const { values: flags } = parseArgs({
  options: {
    plugin: { type: 'string', default: 'cuda13' },
    tiny: { type: 'boolean', default: false },
    steps: { type: 'string', default: '20' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    python: { type: 'string', default: 'python3' },
  },
});
const { plugin, tiny } = flags;
const steps = Number(flags.steps);
const size = (batch) => (tiny ? 8 : batch);

const PROGRAMS = [
  { name: 'seed', batch: size(256), precision: 'bf16' },
  { name: 'seed', batch: size(256), precision: 'f32' },
  { name: 'seed', batch: size(256), precision: 'tf32' },
  { name: 'resnet', batch: size(256), precision: 'bf16' },
  { name: 'clip', batch: size(1024), precision: 'bf16' },
  { name: 'clip', batch: size(1024), precision: 'bf16', attention: 'cudnn' },
  { name: 'resnet50', batch: size(256), precision: 'bf16' },
  { name: 'bert', batch: size(256), precision: 'bf16' },
];

const failures = [];

/** The JSON on the last line of a script's output. */
function outcome(title, command, args) {
  const run = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
  });
  const line = run.stdout?.trim().split('\n').at(-1);
  if (run.status === 0 && line?.startsWith('{')) return JSON.parse(line);
  failures.push(`${title}: ${(run.stderr || run.error?.message || '').slice(-2000)}`);
  return undefined;
}

const measure = (title, program) =>
  outcome(title, process.execPath, [
    join(root, 'tooling/xla/measure.mjs'),
    JSON.stringify({ plugin, tiny, steps, ...program }),
  ]);

const gib = (bytes) => (bytes === undefined ? '' : (bytes / 2 ** 30).toFixed(2));
const titleOf = ({ name, batch, precision, attention }) =>
  `${name}, batch ${batch}, ${precision}${attention ? `, attention by ${attention}` : ''}`;

const rows = [['program', 'ms', 'samples/s', 'peak GiB planned', 'in use GiB', 'compile s', 'from cache s', 'loss']];
let device = '';
for (const program of PROGRAMS) {
  if (flags.only && flags.only !== program.name) continue;
  const title = titleOf(program);
  const found = measure(title, program);
  if (!found) continue;
  device = found.device;
  if (flags.json) console.log(JSON.stringify({ ...program, ...found }));
  const { losses, planned, used } = found;
  if (!losses.every(Number.isFinite)) failures.push(`${title}: a loss that is not finite (${losses})`);
  const trains = ['seed', 'resnet', 'clip'].includes(program.name);
  if (trains && !(losses.at(-1) < losses[0]))
    failures.push(`${title}: the loss does not fall (${losses[0]} to ${losses.at(-1)})`);
  rows.push([
    title, (found.median * 1000).toFixed(2), found.perSecond.toFixed(0), gib(planned.peak), gib(used?.peakBytesInUse ?? used?.bytesInUse),
    found.cold.toFixed(1), found.cached === null ? '' : found.cached.toFixed(2), losses[0].toPrecision(6),
  ]); // biome-ignore format: a table
}

/** The same steps on the CPU, whose losses a GPU's must follow. */
const TRAJECTORY = 5;
for (const name of ['seed', 'clip']) {
  if (flags.only && flags.only !== name) continue;
  const small = { name, batch: 8, tiny: true, steps: TRAJECTORY };
  const expected = measure(`${name} on the CPU`, { ...small, precision: 'f32', plugin: 'cpu' });
  for (const [precision, bound] of [
    ['f32', 1e-3],
    ['tf32', 1e-2],
    ['bf16', 5e-2],
  ]) {
    const found = measure(`${name} in ${precision}`, { ...small, precision });
    if (!expected || !found) continue;
    const apart = Math.max(...found.losses.map((loss, i) => Math.abs(loss / expected.losses[i] - 1)));
    const line = `${name}, ${precision}: losses of ${found.losses.length} steps within ${apart.toExponential(1)} of the CPU's`;
    console.log(flags.json ? JSON.stringify({ trajectory: name, precision, apart }) : line);
    if (!(apart < bound)) failures.push(`${line}, more than ${bound}`);
  }
}

if (!flags.json) {
  console.log(`\n${device}\n`);
  rows.forEach((row, i) => {
    console.log(`| ${row.join(' | ')} |`);
    if (i === 0) console.log(`|${row.map(() => ' --- ').join('|')}|`);
  });
}
const jax = spawnSync(flags.python, ['-c', 'import jax; print(jax.default_backend())'], { encoding: 'utf8' });
if (jax.status === 0) {
  console.log(`\nJAX on ${jax.stdout.trim()}:`);
  const script = [join(root, 'reference/bench_jax.py'), ...(tiny ? ['--tiny'] : []), '--steps', String(steps)];
  const run = spawnSync(flags.python, script, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (run.status !== 0) failures.push('reference/bench_jax.py: see above');
} else console.log('\nJAX is not installed beside: pip install "jax[cuda13]" and give --python, to compare');

for (const failure of failures) console.error(failure);
console.log(failures.length === 0 ? 'all passed' : `${failures.length} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
