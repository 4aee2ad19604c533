import { ConfigError, type JsonObject } from '@diptych/core';
import { retrieval } from '@diptych/metrics';
import type { BatchSource } from '../batches/batch-source.js';
import { flatMetrics } from '../evaluate/evaluate.js';
import { type ExampleOptions, type Examples, rankExamples } from '../evaluate/examples.js';
import { type EmbedPairs, TowerOverfitting, type TowerValidationOptions } from '../watch/tower-overfitting.js';
import { isDue } from './run/run-checkpoints.js';

/** Numbers of a validation by name: `textToImage.recall@1`. */
export type ValidationMetrics = Readonly<Record<string, number>>;

/** Watches the towers at each validation; your own in place of the pairs that `TowerOverfitting` compares. */
export interface TowerWatcher {
  /** Numbers, logged as `towers.…`, and what a user should hear. */
  measure(): Promise<{ readonly metrics: ValidationMetrics; readonly warnings: readonly string[] }>;
}

/** Retrieval on held-out pairs at each validation. */
export interface RetrievalValidation extends ExampleOptions {
  /** Every row in its order, without augmentation; its equal ids and captions are right answers to each other. */
  readonly heldOut: BatchSource;
}

/** When and how a run is validated. */
export interface ValidationOptions {
  /** Recalls both ways, as numbers `textToImage.recall@1` …, `mrr` over both, and the best and worst pairs as the event `examples`. */
  readonly retrieval?: RetrievalValidation;
  /** Computes numbers of your own: `async () => flatMetrics(await trainer.evaluate(heldOut))`. One of the three at least. */
  readonly run?: () => Promise<ValidationMetrics> | ValidationMetrics;
  /** Validates each tower by itself, as numbers `towers.…` and a warning for the one that overfits. */
  readonly towers?: TowerValidationOptions | TowerWatcher;
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

  constructor(options: Pick<ValidationOptions, 'monitor' | 'mode' | 'patience'>) {
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

/** What a validation found, and whether the run should go on. */
export interface Validated {
  readonly metrics: ValidationMetrics;
  readonly examples: Examples | undefined;
  readonly warnings: readonly string[];
  /** Larger is better; undefined where no number is watched. */
  readonly score: number | undefined;
  readonly stop: boolean;
}

/** The validations of a run: when, of what, and what follows from them. */
export class Validation {
  readonly #options: ValidationOptions;
  readonly #watch: TowerWatcher | undefined;
  readonly #stopping: EarlyStopping;
  readonly #embed: EmbedPairs;

  /**
   * @param embed how validation reads pairs
   * @param state of early stopping, from a checkpoint
   * @throws ConfigError for options of tower validation that it does not have, or that are none
   */
  constructor(options: ValidationOptions, embed: EmbedPairs, state: JsonObject | undefined) {
    const { towers } = options;
    this.#options = options;
    this.#embed = embed;
    this.#watch = towers && ('measure' in towers ? towers : new TowerOverfitting(embed, towers));
    this.#stopping = new EarlyStopping(options);
    this.#stopping.restore(state);
  }

  isDueAfterStep(step: number): boolean {
    return isDue(this.#options.everySteps, step);
  }

  isDueAfterEpoch(epoch: number): boolean {
    const { everySteps, everyEpochs = everySteps === undefined ? 1 : undefined } = this.#options;
    return isDue(everyEpochs, epoch);
  }

  async measure(): Promise<Validated> {
    const found = await this.#retrieve();
    const towers = await this.#watch?.measure();
    const own = await this.#options.run?.();
    const metrics = { ...found?.metrics, ...own, ...(towers && flatMetrics(towers.metrics, 'towers.')) };
    const judged = this.#stopping.judge(metrics);
    const lost =
      judged.score !== undefined && Number.isNaN(judged.score)
        ? [`validation: ${this.#options.monitor} is NaN, which counts as no better; are all embeddings finite?`]
        : [];
    return { metrics, examples: found?.examples, warnings: [...(towers?.warnings ?? []), ...lost], ...judged };
  }

  async #retrieve() {
    if (!this.#options.retrieval) return undefined;
    const { heldOut, ...options } = this.#options.retrieval;
    const pairs = await this.#embed(heldOut, {});
    const { image, text, ids, captions } = pairs;
    const keys = ids.map((id, i) => [`id ${id}`, ...(captions ? [`caption ${captions[i]}`] : [])]);
    const report = await retrieval(image, text, { imageIds: keys, textIds: keys });
    const mrr = (report.textToImage.mrr + report.imageToText.mrr) / 2;
    return { metrics: { ...flatMetrics(report), mrr }, examples: await rankExamples(pairs, options) };
  }

  /** Of early stopping, for a checkpoint. */
  state(): JsonObject {
    return this.#stopping.state();
  }
}
