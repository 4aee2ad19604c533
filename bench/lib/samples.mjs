import { now } from './settings.mjs';
import { line } from './statistics.mjs';

/** All samples of a side over its runs. */
export const pooled = (runs, key = 'seconds') => runs?.flatMap((run) => run[key]);

/** Peak resident memory of this process in bytes. */
export const peakRss = () => process.resourceUsage().maxRSS * 1024;

/** Seconds of `repeats` calls, after `warmUp` calls that do not count. */
export async function timed(run, { repeats, warmUp = 2 }) {
  const seconds = [];
  for (let i = -warmUp; i < repeats; i++) {
    const start = now();
    await run();
    if (i >= 0) seconds.push(now() - start);
  }
  return seconds;
}

/** A line of items a second against PyTorch's. */
export function rateLine(name, unit, items, ours, torch, bounds) {
  const rates = (runs) => pooled(runs)?.map((seconds) => items / seconds);
  return line(name, unit, rates(ours), {
    reference: rates(torch),
    against: 'PyTorch',
    higherIsBetter: true,
    ...bounds,
  });
}

/** Relative difference of the two sides' first results: both compute the same thing. */
export function agreementLine(name, prepared, torch) {
  if (!torch) return { name, value: null, unit: 'relative', spread: 0, n: 0, ratio: null, against: 'PyTorch' };
  return line(
    name,
    'relative',
    torch.map(({ loss }) => Math.abs(prepared.loss - loss) / Math.abs(loss)),
    { must: 1e-4 },
  );
}
