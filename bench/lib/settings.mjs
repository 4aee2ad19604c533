import { availableParallelism } from 'node:os';
import { env } from 'node:process';

/** Threads of both sides. */
export const threads = Number(env.DIPTYCH_BENCH_THREADS ?? availableParallelism());

/** `wall`, or `cpu`: processor time of the whole process, for machines that do other things as well. */
export const clock = env.DIPTYCH_BENCH_CLOCK ?? 'wall';

/** Whether all rows of a batch have one length, so that nothing is masked: PyTorch's attention is faster then. */
export const unpadded = env.DIPTYCH_BENCH_UNPADDED === '1';

/** Seconds by the chosen clock; only differences mean something. */
export function now() {
  if (clock === 'wall') return performance.now() / 1000;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
