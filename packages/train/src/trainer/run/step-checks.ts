import { ConfigError, isStateful, type PairBatch, parametersOf, TrainingError } from '@diptych/core';
import { BatchNorm2d, Module } from '@diptych/nn';
import type { Variable } from '@tensorflow/tfjs-core';
import type { BatchSource } from '../../batches/batch-source.js';
import { equalCaptionsMessage } from '../../batches/caption-keys.js';
import { isUnder } from '../../tower-of.js';
import type { TrainerOptions } from '../options.js';
import { formatParts, frozenParts, unusedError, unusedParts } from '../step/unused-parameters.js';
import { contrasts, nothingToTellApart } from './nothing-to-tell-apart.js';
import type { RunEvents } from './run-events.js';

/** Steps in a row that `nonFinite: 'skip'` puts up with. */
const MOST_SKIPS = 10;

/** What the checks need to know of a trainer's options. */
type Checked = Pick<
  TrainerOptions,
  'chunkSize' | 'communicator' | 'equalCaptions' | 'nonFinite' | 'unusedParameters'
> & {
  readonly loss: Pick<TrainerOptions['loss'], 'ignores'>;
};

/** The longest row that a source gives; undefined where it does not say. */
function longestRow(source: BatchSource): number | undefined {
  const { tokenizer, tokenize } = source.inputs?.() ?? {};
  return tokenizer && (tokenize?.maxLength ?? tokenizer.maxLength);
}

/** What is looked at in the steps of a run, told as events, and ends the run where it must. */
export class StepChecks {
  readonly #model: object;
  readonly #parameters: readonly (readonly [string, Variable])[];
  readonly #options: Checked;
  readonly #contrasts: boolean;
  #reportedCaptions = false;
  #reportedAlike = false;
  /** What does not train, as it was said last; undefined before the first step. */
  #frozen: string | undefined;
  #usageChecked = false;
  #skips = 0;

  constructor(model: object, parameters: readonly (readonly [string, Variable])[], options: Checked) {
    this.#model = model;
    this.#parameters = parameters;
    this.#options = options;
    this.#contrasts = contrasts(options.loss);
  }

  /**
   * Before each run of steps: the model is still the one that the optimizer has.
   *
   * @throws ConfigError if it was freed, or has parameters that it had not when the Trainer was made
   */
  model(): void {
    const where = 'train.Trainer.fit';
    const freed = this.#parameters.find(([, variable]) => variable.isDisposed);
    const bound = new Set(this.#parameters.map(([, variable]) => variable));
    const added = isStateful(this.#model)
      ? parametersOf(this.#model).filter(([, variable]) => !bound.has(variable))
      : [];
    const [first] = added;
    if (first) {
      throw new ConfigError({
        where,
        problem: `the model has parameters that it had not when this Trainer was made, which would not train: ${first[0]}${added.length > 1 ? ` and ${added.length - 1} more` : ''}`,
        remedy:
          'change the model first (addLora, resizeTokenEmbeddings, another head), and make the Trainer after that',
      });
    }
    if (freed) {
      throw new ConfigError({
        where,
        problem: `the model was disposed of: ${freed[0]} is freed`,
        remedy: 'dispose of a model after its last fit',
      });
    }
  }

  /**
   * Once a run, before its first step: parts that the loss ignores, rows that the text tower may not take, batch norm layers that would see
   * chunks or a rank's rows in place of the batch.
   *
   * @throws ConfigError if something that trains is ignored, unless that is a warning only
   */
  async begin(source: BatchSource, events: RunEvents): Promise<void> {
    this.#refuseIgnored(0);
    const rows = longestRow(source);
    const { text } = this.#model as { readonly text?: { readonly maxLength?: number } };
    if (rows !== undefined && text?.maxLength !== undefined && rows > text.maxLength) {
      await events.warn(
        `captions are cut at ${rows} tokens, but the text tower reads ${text.maxLength}: one that is longer ends the run; ` +
          `new DataLoader(source, { …, maxLength: ${text.maxLength} }) cuts them`,
      );
    }
    const { chunkSize, communicator } = this.#options;
    const isSpread = communicator !== undefined && communicator.size > 1;
    if ((chunkSize === undefined && !isSpread) || !(this.#model instanceof Module)) return;
    const norms = [...this.#model.namedModules()].filter(
      ([, module]) => module instanceof BatchNorm2d && !module.frozen,
    );
    if (norms.length === 0) return;
    const [why, seen] =
      chunkSize !== undefined ? [`chunkSize ${chunkSize}`, 'chunks'] : [`${communicator!.size} ranks`, "a rank's rows"];
    const message =
      `${why}: ${norms.length} batch norm layers train on ${seen} in place of the batch, so the step differs from ` +
      'the whole batch; freeze them (freeze, or norm.frozen = true) for an equal one';
    await events.warn(message);
  }

  /** Before each step: the first equal captions, and what does not train, at first and when that changes. */
  async before(step: number, batch: PairBatch, events: RunEvents): Promise<void> {
    if (!this.#reportedCaptions && this.#options.equalCaptions !== false) {
      const message = equalCaptionsMessage(batch);
      this.#reportedCaptions = message !== undefined;
      if (message) await events.warn(message);
    }
    if (!this.#reportedAlike && this.#contrasts) {
      const message = nothingToTellApart(batch, this.#options.equalCaptions !== false && this.#frozen === undefined);
      this.#reportedAlike = message !== undefined;
      if (message) await events.warn(message);
    }
    const parts = frozenParts(this.#parameters);
    const key = parts.join();
    if (key === this.#frozen) return;
    if (parts.length > 0 || this.#frozen !== undefined) await events.tell({ kind: 'frozen', step, parts });
    this.#frozen = key;
    this.#usageChecked = false;
    this.#refuseIgnored(step);
  }

  /** What the loss says of itself; what it does not say shows after the step. */
  #refuseIgnored(step: number): void {
    const { loss, unusedParameters } = this.#options;
    if (unusedParameters === 'warn') return;
    const { ignores = [] } = loss;
    const read = [...this.#parameters.entries()].flatMap(([i, [name]]) => (isUnder(ignores, name) ? [] : [i]));
    const unused = unusedParts(this.#model, this.#parameters, read);
    if (unused.size > 0) throw unusedError(unused, step + 1);
  }

  /**
   * After a step that updated something.
   *
   * @param updated positions of the parameters that had a gradient
   * @throws ConfigError if something that trains had none, unless that is a warning only
   */
  async updated(step: number, updated: readonly number[], events: RunEvents): Promise<void> {
    this.#skips = 0;
    if (this.#usageChecked) return;
    this.#usageChecked = true;
    const unused = unusedParts(this.#model, this.#parameters, updated);
    if (unused.size === 0) return;
    if (this.#options.unusedParameters !== 'warn') throw unusedError(unused, step);
    await events.warn(`no gradient for ${formatParts(unused)}: the loss does not read it, and it stays as it is`);
  }

  /**
   * After a step that changed nothing.
   *
   * @param tensor the first one that is not finite
   * @throws TrainingError unless such steps are to be skipped, and this is not one too many
   */
  async nonFinite(step: number, tensor: string, { ids }: PairBatch, events: RunEvents): Promise<void> {
    const { nonFinite: policy = 'stop' } = this.#options;
    await events.tell({ kind: 'nonFinite', step, tensor, ids });
    this.#skips++;
    if (policy === 'skip' && this.#skips < MOST_SKIPS) return;
    throw new TrainingError({
      where: `train.Trainer.fit: step ${step}`,
      problem: `${tensor} is not finite${policy === 'skip' ? ` (${this.#skips} bad steps in a row)` : ''}`,
      remedy:
        `the weights are as before this step; look at the pairs ${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ', …' : ''}, ` +
        "lower the learning rate, set clipNorm, or pass nonFinite: 'skip'",
    });
  }
}
