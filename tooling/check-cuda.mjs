// Compiles for NVIDIA GPUs that need not be there: every lowering that the tests run, and whole steps. Says what memory they take, and
// checks what can be known without running: that weights are written in place, that collectives are there, that no gradient of an
// embedding scatters. `npm run check:cuda -- --quick` leaves large steps out; `--only seed` picks; `--json` prints lines of JSON.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findPlugin, installPlugin } from '@diptych/pjrt';
import { root } from './packages.mjs';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    gpu: { type: 'string', multiple: true, default: ['h200', 'h100'] },
  },
});

const cache = join(root, '.cache/pjrt');

/** NVIDIA's plugin with its compiler; undefined where it cannot be fetched. */
async function compiler() {
  const found = findPlugin('cuda13', { cache, env: {} });
  if (found || process.env.DIPTYCH_PJRT !== 'fetch') return found;
  try {
    return (await installPlugin('cuda13', { cache, compileOnly: true })).path;
  } catch (error) {
    console.log(`skipped: ${error.message}`);
    return undefined;
  }
}

if (!(await compiler())) {
  console.log(
    'skipped: no compiler for NVIDIA GPUs in .cache/pjrt; DIPTYCH_PJRT=fetch npm run check:cuda fetches it (0.2 GB)',
  );
  process.exit(0);
}

/** What is compiled; `small` ones stay with --quick. */
const PROGRAMS = [
  { name: 'seed', batch: 8, precision: 'bf16', tiny: true, small: true },
  { name: 'seed', batch: 8, precision: 'bf16', tiny: true, devices: 4, small: true },
  { name: 'clip', batch: 8, precision: 'bf16', tiny: true, small: true },
  { name: 'clip', batch: 8, precision: 'bf16', tiny: true, devices: 4, small: true },
  { name: 'clip', batch: 8, precision: 'bf16', tiny: true, attention: 'cudnn', small: true },
  { name: 'bert', batch: 32, precision: 'bf16', small: true },
  { name: 'resnet50', batch: 32, precision: 'bf16', small: true },
  ...[64, 128, 256, 512].map((batch) => ({ name: 'seed', batch, precision: 'bf16' })),
  { name: 'seed', batch: 256, precision: 'f32' },
  { name: 'seed', batch: 1024, precision: 'bf16', devices: 4 },
  { name: 'clip', batch: 256, precision: 'bf16' },
  { name: 'clip', batch: 256, precision: 'bf16', attention: 'cudnn' },
  { name: 'clip', batch: 1024, precision: 'bf16' },
  { name: 'clip', batch: 256, precision: 'f32' },
];

const failures = [];
let checks = 0;
const check = (what, holds, seen) => {
  checks++;
  if (!holds) failures.push(`${what}: ${seen}`);
};

const gib = (bytes) => (bytes / 2 ** 30).toFixed(2);

function titleOf({ name, batch, precision, gpu, devices = 1, tiny, attention }) {
  const by = attention ? `, attention by ${attention}` : '';
  return `${name}${tiny ? ' (tiny)' : ''}, batch ${batch}, ${precision}${by}, ${gpu}${devices > 1 ? ` x ${devices}` : ''}`;
}

function compileOne(program) {
  const script = join(root, 'tooling/xla/compile-one.mjs');
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
  const run = spawnSync(process.execPath, ['--max-old-space-size=8192', script, JSON.stringify(program)], {
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const title = titleOf(program);
  const line = run.stdout.trim().split('\n').at(-1);
  if (run.status !== 0 || !line?.startsWith('{')) {
    check(title, false, run.stderr.slice(-2000) || run.signal || run.stdout.slice(-2000));
    console.log(`FAILED ${title}`);
    return;
  }
  const found = JSON.parse(line);
  if (flags.json) console.log(JSON.stringify({ ...program, ...found }));
  else {
    const { peak, aliased } = found.memory;
    console.log(
      `${title}: ${found.seconds.toFixed(1)} s, peak ${gib(peak)} GiB, ${gib(aliased)} in place, ${JSON.stringify(found.has)}`,
    );
  }
  const isTrained = found.aliases > 0;
  check(
    `${title}: weights and moments in place`,
    found.donated === found.aliases,
    `${found.donated} of ${found.aliases}`,
  );
  check(`${title}: no scatter`, found.scatters === 0, found.scatters);
  const room = program.gpu === 'h100' ? 80 : 141;
  check(`${title}: fits`, found.memory.peak < room * 1e9, `${gib(found.memory.peak)} GiB`);
  if (program.devices > 1) {
    check(`${title}: gradients are added up`, found.has.allReduce > 0, found.has.allReduce);
    check(`${title}: embeddings are gathered`, found.has.allGather > 0, found.has.allGather);
  }
  if (isTrained && !program.tiny)
    check(`${title}: products by cuBLAS or Triton`, found.has.cublas + found.has.triton > 0, 'none');
  if (program.attention === 'cudnn') check(`${title}: attention by cuDNN`, found.has.cudnnAttention > 0, 'none');
  else if (program.name === 'clip') check(`${title}: attention fused by Triton`, found.has.triton > 0, 'none');
  if (program.name === 'seed') check(`${title}: convolutions by cuDNN`, found.has.cudnnConvolution > 0, 'none');
}

/** The tests of lowerings, each of whose programs is compiled for a GPU besides being run. */
function compileLowerings(gpu) {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const env = { ...process.env, DIPTYCH_XLA_COMPILE_FOR: gpu, TF_CPP_MIN_LOG_LEVEL: '3' };
  const run = spawnSync(process.execPath, [vitest, 'run', 'packages/tfjs-backend-xla/src/lowering'], {
    cwd: root,
    env,
    stdio: 'inherit',
  });
  check(`lowerings for ${gpu}`, run.status === 0, 'see above');
}

if (!flags.only || flags.only === 'lowerings') compileLowerings(flags.gpu[0]);
for (const gpu of flags.gpu) {
  for (const { small = false, ...program } of PROGRAMS) {
    if ((flags.quick && !small) || (flags.only && flags.only !== program.name)) continue;
    compileOne({ ...program, gpu });
  }
}
for (const failure of failures) console.error(failure);
console.log(`${checks - failures.length} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
