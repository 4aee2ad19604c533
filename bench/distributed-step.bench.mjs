// The small step on 2 and 4 ranks of one thread, beside one process of two threads on the same batch. Needs mpirun on the PATH, or in
// DIPTYCH_MPIRUN with its options.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('lib/rank.mjs', import.meta.url));
const launcher = (process.env.DIPTYCH_MPIRUN ?? 'mpirun').split(' ');
const BATCH = 16;
const STEPS = 6;

function run(ranks, threads, chunkSize = 0) {
  const node = [process.execPath, program, BATCH, STEPS, chunkSize, ranks > 1 ? 'rank' : 'alone'].map(String);
  const [command, ...args] = ranks === 1 ? node : [...launcher, '-n', String(ranks), ...node];
  const env = { ...process.env, DIPTYCH_BENCH_THREADS: String(threads) };
  const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${ranks} ranks: ${stderr.trim().split('\n').slice(-3).join(' ')}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const print = (name, value, unit, more = {}) => console.log(JSON.stringify({ name, value, unit, ...more }));

if (spawnSync(launcher[0], ['--version']).status !== 0) {
  console.error('distributed-step: skipped, there is no mpirun (apt install mpich, or DIPTYCH_MPIRUN)');
} else {
  const alone = median(run(1, 2).seconds);
  const chunked = median(run(1, 2, BATCH / 2).seconds);
  print('distributed_step_alone', alone, 's/step', { batch: BATCH, threads: 2 });
  print('distributed_step_alone_in_chunks', chunked, 's/step', { ratio: alone / chunked });
  for (const ranks of [2, 4]) {
    const { seconds, bytes } = run(ranks, 1);
    const step = median(seconds);
    print(`distributed_step_${ranks}_ranks`, step, 's/step', { ratio: alone / step, against: 'one process' });
    print(`distributed_step_${ranks}_ranks_bytes`, bytes / 2 ** 20, 'MiB handed over by a rank a step');
  }
}
