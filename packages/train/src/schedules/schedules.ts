import { ConfigError, checkOptions, type OptionNames } from '@diptych/core';

/** Factor on the learning rate of a step (from 0). Pure, so a resumed run needs no state of it. */
export type Schedule = (step: number) => number;

/** Options of schedules that fall towards the end. */
export interface ScheduleOptions {
  /** Steps of the whole run. */
  readonly total: number;
  /** Steps of linear warm-up: the rate of step t is (t + 1) / warmup of the full one. Below 1: a share of `total`. Default 0. */
  readonly warmup?: number;
  /** Factor at the end, default 0. */
  readonly final?: number;
}

const OPTIONS: OptionNames<ScheduleOptions> = { total: 'required', warmup: 'optional', final: 'optional' };

/** Linear warm-up, then half a cosine from 1 to `final` (Loshchilov and Hutter 2017). */
export function warmupCosine(options: ScheduleOptions): Schedule {
  return falling(options, (share) => 0.5 * (1 + Math.cos(Math.PI * share)));
}

/** Linear warm-up, then a straight line from 1 to `final`. */
export function warmupLinear(options: ScheduleOptions): Schedule {
  return falling(options, (share) => 1 - share);
}

/** Linear warm-up over `warmup` steps, then 1. */
export function warmupConstant(options: { readonly warmup?: number } = {}): Schedule {
  checkOptions('train.warmupConstant', options, { warmup: 'optional' });
  const { warmup = 0 } = options;
  return (step) => (step < warmup ? (step + 1) / warmup : 1);
}

function falling(options: ScheduleOptions, shape: (share: number) => number): Schedule {
  checkOptions('train.schedule', options, OPTIONS);
  const { total, warmup = 0, final = 0 } = options;
  const warm = warmup < 1 ? Math.round(warmup * total) : warmup;
  if (!(total >= 1 && warm >= 0 && warm <= total)) {
    throw new ConfigError({
      where: 'train.schedule',
      expected: 'at least one step in all, and a warm-up within them',
      got: `total ${total}, warmup ${warmup}`,
    });
  }
  return (step) => {
    if (step < warm) return (step + 1) / warm;
    const share = Math.min(1, (step - warm) / Math.max(1, total - warm));
    return final + (1 - final) * shape(share);
  };
}
