import cliProgress from 'cli-progress';

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

/** @param first steps that an earlier start already did */
export function showProgress(total: number, first: number, stream: NodeJS.WriteStream = process.stdout): Progress {
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
