import { ConfigError, type JsonObject } from '@diptych/core';
import type { TowerValidationOptions } from './tower-watch.js';

/** Numbers of a validation by name: `textToImage.recall@1`. */
export type ValidationMetrics = Readonly<Record<string, number>>;

/** When and how a run is validated. */
export interface ValidationOptions {
  /** Computes numbers: `async () => flatMetrics(await trainer.evaluate(heldOut))`. This, `towers`, or both. */
  readonly run?: () => Promise<ValidationMetrics> | ValidationMetrics;
  /** Validates each tower by itself, as numbers `towers.…` and a warning for the one that overfits. */
  readonly towers?: TowerValidationOptions;
  /** Default: after each epoch. */
  readonly everySteps?: number;
  readonly everyEpochs?: number;
  /** The number that decides on early stopping and on the best checkpoint. */
  readonly monitor?: string;
  /** Whether larger or smaller is better, default `max`. */
  readonly mode?: 'max' | 'min';
  /** Ends the run after this many validations without a better value. */
  readonly patience?: number;
}

/** Early stopping: remembers the best value and how long ago it was. */
export class EarlyStopping {
  readonly #options: Pick<ValidationOptions, 'monitor' | 'mode' | 'patience'>;
  #best = Number.NEGATIVE_INFINITY;
  #since = 0;

  /** @throws ConfigError for patience without a number to watch */
  constructor(options: Pick<ValidationOptions, 'monitor' | 'mode' | 'patience'>) {
    if (options.patience !== undefined && options.monitor === undefined) {
      throw new ConfigError({ where: 'train.fit: validate', problem: 'patience needs `monitor`, the number to watch' });
    }
    this.#options = options;
  }

  /**
   * @returns the score of these numbers (larger is better), and whether the run should end
   * @throws ConfigError if the watched number is not among them
   */
  judge(metrics: ValidationMetrics): { readonly score: number | undefined; readonly stop: boolean } {
    const { monitor, mode = 'max', patience = Number.POSITIVE_INFINITY } = this.#options;
    if (monitor === undefined) return { score: undefined, stop: false };
    const value = metrics[monitor];
    if (value === undefined) {
      throw new ConfigError({
        where: 'train.fit: validate.monitor',
        expected: `one of ${Object.keys(metrics).join(', ')}`,
        got: monitor,
      });
    }
    const score = mode === 'max' ? value : -value;
    if (score > this.#best) {
      this.#best = score;
      this.#since = 0;
    } else this.#since++;
    return { score, stop: this.#since >= patience };
  }

  /** For a checkpoint. */
  state(): JsonObject {
    return { best: Number.isFinite(this.#best) ? this.#best : undefined, since: this.#since };
  }

  restore(state: JsonObject | undefined): void {
    this.#best = (state?.best as number | undefined) ?? Number.NEGATIVE_INFINITY;
    this.#since = (state?.since as number | undefined) ?? 0;
  }
}
