import cliProgress from 'cli-progress';
import { progressStream } from './say.js';

/** What one training step has to tell. */
export interface StepReport {
  readonly step: number;
  readonly loss: number;
  readonly pairsPerSecond: number;
}

/** Shows a long job: a bar on a terminal, a plain line now and then elsewhere. */
export interface Progress {
  update(report: StepReport): void;
  stop(): void;
}

const LINES = 15;
/** Between two lines where the whole is not known. */
const ROWS_A_LINE = 1000;

/** @param first steps that an earlier start already did */
export function showProgress(total: number, first: number, stream: NodeJS.WriteStream = progressStream()): Progress {
  if (stream.isTTY) return bar(total, first, stream);
  const every = Math.max(1, Math.round(total / LINES));
  const begin = performance.now();
  return {
    update({ step, loss, pairsPerSecond }) {
      if (step % every !== 0 && step !== total) return;
      const left = ((performance.now() - begin) / (step - first)) * (total - step);
      stream.write(
        `step ${step}/${total}  loss ${loss.toFixed(4)}  ${Math.round(pairsPerSecond)} pairs/s  ETA ${formatSeconds(left / 1000)}\n`,
      );
    },
    stop() {},
  };
}

function bar(total: number, first: number, stream: NodeJS.WriteStream): Progress {
  const format = '{bar} step {value}/{total}  loss {loss}  {rate} pairs/s  ETA {eta_formatted}';
  const view = new cliProgress.SingleBar(
    { format, stream, hideCursor: true, barsize: 24, etaBuffer: 30, clearOnComplete: false },
    cliProgress.Presets.shades_classic,
  );
  view.start(total, first, { loss: '-', rate: '-' });
  return {
    update: ({ step, loss, pairsPerSecond }) =>
      view.update(step, { loss: loss.toFixed(4), rate: String(Math.round(pairsPerSecond)) }),
    stop: () => view.stop(),
  };
}

/** `1:05`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/** Shows how many of something are done. */
export interface Count {
  update(done: number): void;
  stop(): void;
}

/**
 * A bar on a terminal where the whole is known, plain lines elsewhere.
 *
 * @param what is counted: `embedded`
 */
export function showCount(
  what: string,
  total: number | undefined,
  stream: NodeJS.WriteStream = progressStream(),
): Count {
  if (stream.isTTY && total !== undefined) {
    const format = `{bar} ${what} {value}/{total}  ETA {eta_formatted}`;
    const view = new cliProgress.SingleBar(
      { format, stream, hideCursor: true, barsize: 24, etaBuffer: 30, clearOnComplete: false },
      cliProgress.Presets.shades_classic,
    );
    view.start(total, 0);
    return { update: (done) => view.update(done), stop: () => view.stop() };
  }
  const every = total === undefined ? ROWS_A_LINE : Math.max(1, Math.round(total / LINES));
  let next = every;
  return {
    update(done) {
      if (done < next && done !== total) return;
      next = (Math.floor(done / every) + 1) * every;
      stream.write(`${what} ${done}${total === undefined ? '' : `/${total}`}\n`);
    },
    stop() {},
  };
}
