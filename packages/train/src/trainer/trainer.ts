import {
  ConfigError,
  checkOptions,
  type JsonObject,
  type Optimizer,
  type PairBatch,
  type TextEncoder,
  type TowerOutputs,
  TrainingError,
} from '@diptych/core';
import { BatchNorm2d, Module } from '@diptych/nn';
import { equalCaptionsMessage } from '../caption-keys.js';
import { type EmbeddedSource, type EmbedOptions, type EmbedOutput, embedPairs } from '../evaluate/embed.js';
import { type EvaluateOptions, type Evaluation, evaluate } from '../evaluate/evaluate.js';
import { releaseCompiled } from '../evaluate/run-in-order.js';
import type { TrainableModel } from '../trainable-model.js';
import { UpdateWatch } from '../watch/update-ratios.js';
import type { BatchSource } from './batch-source.js';
import { asSource } from './check-batch.js';
import { checkModel } from './check-model.js';
import type { CheckpointStore, TrainingSnapshot } from './checkpoint-store.js';
import { DataPlace } from './data-place.js';
import { Ema } from './ema.js';
import { FreezeSchedule } from './freeze-schedule.js';
import { openStore } from './open-store.js';
import { FIT_OPTIONS, type FitOptions, type FitResult, TRAINER_OPTIONS, type TrainerOptions } from './options.js';
import { Progress } from './progress.js';
import { enterStore, RunCheckpoints } from './run-checkpoints.js';
import { type Listeners, RunEvents, type StepReport } from './run-events.js';
import { describeRun, type RunSettings, type SettingChange } from './run-settings.js';
import { restoreSnapshot, type SnapshotParts, takeSnapshot } from './snapshot.js';
import { StepRunner } from './step-runner.js';
import { formatParts, frozenParts, unusedError, unusedParts } from './unused-parameters.js';
import { Validation } from './validation.js';

/** Steps in a row that `nonFinite: 'skip'` puts up with. */
const MOST_SKIPS = 10;

/**
 * Trains a model on batches of pairs.
 *
 * ```ts
 * const trainer = new Trainer(model, { loss: new InfoNCE(), optimizer: new AdamW({ learningRate: 1e-3 }) });
 * await trainer.fit(loader, { epochs: 5, checkpoint: 'runs/first' });
 * ```
 *
 * The same seed, data and backend give the same losses in the same order, also over a resume.
 */
export class Trainer<Outputs extends TowerOutputs> {
  readonly model: TrainableModel<Outputs>;
  readonly optimizer: Optimizer;
  readonly options: TrainerOptions<Outputs>;
  readonly #runner: StepRunner<Outputs>;
  readonly #freeze: FreezeSchedule;
  readonly #ema: Ema | undefined;
  readonly #place: DataPlace;
  #updates: UpdateWatch | undefined;
  #step = 0;
  #skips = 0;
  #toldCaptions = false;
  #busy = false;
  #loss = Number.NaN;
  /** What does not train, as it was said last; undefined before the first step. */
  #frozen: string | undefined;
  #usageChecked = false;
  /** Whose checkpoints it writes. */
  #identity = newIdentity();
  #earlyState: JsonObject | undefined;

  /** @throws ConfigError if a group of the optimizer or a freeze rule chooses nothing, or the model lacks what the loss reads */
  constructor(model: TrainableModel<Outputs>, options: TrainerOptions<Outputs>) {
    checkOptions<TrainerOptions>('train.Trainer', options as object as TrainerOptions, TRAINER_OPTIONS);
    checkModel('train.Trainer: model', model);
    checkSettings(options as TrainerOptions);
    this.model = model;
    this.options = options;
    this.#runner = new StepRunner({ ...options, model });
    this.optimizer = this.#runner.optimizer;
    const { parameters, buffers } = this.#runner.parts;
    this.#freeze = new FreezeSchedule(options.freeze ?? [], model, parameters);
    this.#ema = options.ema && new Ema([...parameters, ...buffers], options.ema);
    this.#place = new DataPlace(vocabSizeOf(model));
  }

  /** Steps done so far, over all calls of `fit` and before a resume. */
  get step(): number {
    return this.#step;
  }

  /** Epochs completed. */
  get epoch(): number {
    return this.#place.epoch;
  }

  /**
   * Trains until the given number of epochs or steps of the whole run is done.
   *
   * @throws ConfigError without an end, or while another `fit` of this trainer runs
   * @throws TrainingError if an epoch has no batch, or (unless `nonFinite: 'skip'`) when loss or gradients are not finite
   * @throws CheckpointError if the last checkpoint cannot be written; the one before it is still there
   */
  async fit(batches: BatchSource | readonly PairBatch[], options: FitOptions): Promise<FitResult> {
    const source = asSource(batches);
    checkOptions('train.Trainer.fit', options, FIT_OPTIONS);
    const { epochs, steps, signal, checkpoint } = options;
    if (this.#busy) throw new ConfigError({ where: 'train.Trainer.fit', problem: 'this trainer is training already' });
    for (const [end, count] of Object.entries({ epochs, steps })) {
      if (count === undefined || count >= 0) continue;
      throw new ConfigError({
        where: 'train.Trainer.fit',
        expected: `${end} to be a number from 0`,
        got: String(count),
      });
    }
    if (epochs === undefined && steps === undefined && !signal) {
      throw new ConfigError({ where: 'train.Trainer.fit', expected: 'epochs, steps or a signal', got: 'no end' });
    }
    const events = new RunEvents(options);
    this.#busy = true;
    try {
      if (checkpoint === undefined) return await this.#run(source, options, events, undefined);
      const store = await openStore(checkpoint);
      await store.open?.(this.#snapshotBytes());
      try {
        const resumed = options.resume && (await this.#resume(store, 'latest', events));
        if (!resumed) await enterStore(store, this.#identity, options, events);
        await this.#place.identify(source);
        const checkpoints = new RunCheckpoints(store, options.checkpointEvery ?? { epochs: 1 }, events);
        return await this.#run(source, options, events, checkpoints);
      } finally {
        await store.close?.();
      }
    } finally {
      this.#busy = false;
    }
  }

  /** The run's state on the host. */
  snapshot(source?: BatchSource, score?: number): Promise<TrainingSnapshot> {
    const position = {
      ...this.#place.state(source),
      run: this.#identity,
      step: this.#step,
      seed: this.options.seed ?? 0,
      loss: Number.isFinite(this.#loss) ? this.#loss : undefined,
      settings: this.#settingsAt(this.#step),
      validation: this.#earlyState,
    };
    return takeSnapshot(this.#snapshotParts(), position, { score, inputs: source?.inputs?.() });
  }

  /**
   * Puts the run back to where the snapshot was taken, and takes over its identity.
   *
   * @returns what is otherwise in this trainer, and may be
   * @throws CheckpointError if it belongs to a run with another seed, model, loss, optimizer or set of averages
   */
  restore(snapshot: TrainingSnapshot): readonly SettingChange[] {
    const { position, changes } = restoreSnapshot(this.#snapshotParts(), snapshot, {
      seed: this.options.seed ?? 0,
      settingsAt: (step) => this.#settingsAt(step),
    });
    this.#identity = position.run;
    this.#step = position.step;
    this.#loss = position.loss ?? Number.NaN;
    this.#earlyState = position.validation;
    this.#place.restore(position);
    return changes;
  }

  /**
   * Loads a checkpoint; the next `fit` goes on from it with the identical losses of a run that never stopped.
   *
   * @param from the folder or store that `fit` wrote to
   * @param which `latest`, `best`, or a checkpoint's name
   * @returns false where there is none that is whole
   * @throws CheckpointError if the named one is damaged, or it belongs to another run
   */
  async resume(from: string | CheckpointStore, which = 'latest', to: Listeners = {}): Promise<boolean> {
    return this.#resume(await openStore(from), which, new RunEvents(to));
  }

  /** Embeds the pairs of a source with both towers, see {@link embedPairs}. */
  embed<Output extends EmbedOutput = 'image' | 'text'>(
    source: BatchSource,
    options?: EmbedOptions<Output>,
  ): Promise<EmbeddedSource<Output>> {
    return embedPairs(this.model, source, options);
  }

  /** Embeds a source with both towers and scores their retrieval, without training. */
  evaluate(source: BatchSource, options?: EvaluateOptions): Promise<Evaluation> {
    return evaluate(this.model, source, options);
  }

  /**
   * Runs something with the averaged weights in the model, and puts the trained ones back.
   *
   * @throws ConfigError without the option `ema`
   */
  async withAverages<T>(run: () => T | Promise<T>): Promise<T> {
    const ema = this.#ema;
    if (!ema) {
      throw new ConfigError({ where: 'train.Trainer.withAverages', problem: 'the trainer has no `ema` option' });
    }
    ema.swap();
    try {
      return await run();
    } finally {
      ema.swap();
    }
  }

  /** Frees the optimizer's state and what the backend compiled. The model stays. */
  dispose(): void {
    this.#runner.dispose();
    releaseCompiled(this.model);
    this.#updates?.dispose();
    this.#updates = undefined;
    this.#ema?.dispose();
  }

  async #resume(store: CheckpointStore, which: string, events: RunEvents): Promise<boolean> {
    const snapshot = await store.load(which, (name, message) =>
      events.tell({ kind: 'checkpointDamaged', name, message }),
    );
    if (!snapshot) return false;
    const changes = this.restore(snapshot);
    await events.tell({ kind: 'resumed', step: this.#step, changes });
    return true;
  }

  async #run(
    source: BatchSource,
    options: FitOptions,
    events: RunEvents,
    checkpoints: RunCheckpoints | undefined,
  ): Promise<FitResult> {
    const { epochs = Number.POSITIVE_INFINITY, steps = Number.POSITIVE_INFINITY, signal, validate } = options;
    const validation = validate && new Validation(validate, (of, how) => this.embed(of, how), this.#earlyState);
    const place = this.#place;
    const progress = new Progress(runLength(source, epochs, steps));
    let score: number | undefined; // of the weights as they are, where they were validated
    const snapshot = () => this.snapshot(source, score);
    const validated = async (): Promise<boolean> => {
      const found = await this.#validate(validation!, events);
      score = found.score;
      return found.stop;
    };
    const end = async (stopped: FitResult['stopped']): Promise<FitResult> => {
      await checkpoints?.finish(this.#step, snapshot);
      return { stopped, steps: this.#step, epochs: place.epoch, loss: this.#loss, seconds: progress.seconds };
    };
    const onChange = (change: SettingChange) => events.tell({ kind: 'resumed', step: this.#step, changes: [change] });

    await this.#warnOfBatchNorm(events);
    while (place.epoch < epochs && this.#step < steps) {
      for await (const batch of place.batches(source, onChange)) {
        if (signal?.aborted) return end('aborted');
        const report = await this.#trainOn(batch, progress, events);
        place.done(batch, source);
        score = undefined;
        await events.step(report);
        if (validation?.isDueAfterStep(this.#step) && (await validated())) return end('early');
        await checkpoints?.afterStep(this.#step, snapshot);
        await progress.letOthersRun();
        if (this.#step >= steps) break;
      }
      if (this.#step >= steps && !isComplete(source, place.batch)) return end('done');
      place.nextEpoch();
      if (validation?.isDueAfterEpoch(place.epoch) && (await validated())) return end('early');
      await checkpoints?.afterEpoch(place.epoch, this.#step, snapshot);
      if (signal?.aborted) return end('aborted');
    }
    return end('done');
  }

  async #validate(validation: Validation, events: RunEvents) {
    const found = await validation.measure();
    for (const message of found.warnings) await events.warn(message);
    await events.tell({ kind: 'validation', step: this.#step, metrics: found.metrics });
    this.#earlyState = validation.state();
    return found;
  }

  async #trainOn(batch: PairBatch, progress: Progress, events: RunEvents): Promise<StepReport> {
    const { schedule = () => 1, seed = 0, targets, rhythmEvery = 50 } = this.options;
    await this.#tellEqualCaptions(batch, events);
    await this.#applyFreezing(events);
    const factor = schedule(this.#step);
    const watches = rhythmEvery > 0 && this.#step % rhythmEvery === 0;
    if (watches) this.#updates ??= new UpdateWatch(this.#runner.parts.parameters);
    const before = watches ? this.#updates!.before() : undefined;
    const outcome = await this.#runner.run(batch, { step: this.#step, seed, factor, targets: targets?.(batch) });
    const updateRatios = before && (await this.#updates!.after(before));
    const warning = updateRatios && this.#updates!.judge(updateRatios);
    if (warning) await events.warn(warning);
    const { updated, nonFinite, ...numbers } = outcome;
    if (nonFinite !== undefined) await this.#skipOrStop(nonFinite, batch, events);
    this.#step++;
    if (nonFinite === undefined) {
      this.#skips = 0;
      await this.#checkUsed(updated, events);
      this.#ema?.update(this.#step);
    }
    this.#loss = numbers.loss;
    const rates = Object.entries(this.optimizer.learningRates());
    return {
      step: this.#step,
      epoch: this.#place.epoch,
      ...numbers,
      learningRates: Object.fromEntries(rates.map(([tower, rate]) => [tower, rate * factor])),
      pairs: batch.size,
      ...progress.afterStep(this.#step, batch.size),
      updateRatios,
      nonFinite,
    };
  }

  /** Freezes and thaws for the step that comes next; says what stays as it is, at first and when that changes. */
  async #applyFreezing(events: RunEvents): Promise<void> {
    this.#freeze.apply(this.#step);
    const parts = frozenParts(this.#runner.parts.parameters);
    const key = parts.join();
    if (key === this.#frozen) return;
    if (parts.length > 0 || this.#frozen !== undefined) {
      await events.tell({ kind: 'frozen', step: this.#step, parts });
    }
    this.#frozen = key;
    this.#usageChecked = false;
  }

  /** @throws ConfigError if something that trains had no gradient, unless that is a warning only */
  async #checkUsed(updated: readonly number[], events: RunEvents): Promise<void> {
    if (this.#usageChecked) return;
    this.#usageChecked = true;
    const unused = unusedParts(this.model, this.#runner.parts.parameters, updated);
    if (unused.size === 0) return;
    if (this.options.unusedParameters !== 'warn') throw unusedError(unused, this.#step);
    const message = `no gradient for ${formatParts(unused)}: the loss does not read it, and it stays as it is`;
    await events.warn(message);
  }

  /** @throws TrainingError unless such steps are to be skipped, and this is not one too many */
  async #skipOrStop(tensor: string, batch: PairBatch, events: RunEvents): Promise<void> {
    const { nonFinite: policy = 'stop' } = this.options;
    await events.tell({ kind: 'nonFinite', step: this.#step, tensor, ids: batch.ids });
    this.#skips++;
    if (policy === 'skip' && this.#skips < MOST_SKIPS) return;
    throw new TrainingError({
      where: `train.Trainer.fit: step ${this.#step}`,
      problem: `${tensor} is not finite${policy === 'skip' ? ` (${this.#skips} bad steps in a row)` : ''}`,
      remedy:
        `the weights are as before this step; look at the pairs ${batch.ids.slice(0, 5).join(', ')}${batch.ids.length > 5 ? ', …' : ''}, ` +
        "lower the learning rate, set clipNorm, or pass nonFinite: 'skip'",
    });
  }

  /** Once a trainer: what equal captions are taken for. */
  async #tellEqualCaptions(batch: PairBatch, events: RunEvents): Promise<void> {
    if (this.#toldCaptions || this.options.equalCaptions === false) return;
    const message = equalCaptionsMessage(batch);
    this.#toldCaptions = message !== undefined;
    if (message) await events.warn(message);
  }

  async #warnOfBatchNorm(events: RunEvents): Promise<void> {
    const { chunkSize } = this.options;
    if (chunkSize === undefined || this.#step > 0 || !(this.model instanceof Module)) return;
    this.#freeze.apply(this.#step);
    const norms = [...this.model.namedModules()].filter(
      ([, module]) => module instanceof BatchNorm2d && !module.frozen,
    );
    if (norms.length === 0) return;
    const message =
      `chunkSize ${chunkSize}: ${norms.length} batch norm layers train on chunks in place of the batch, so the step differs from ` +
      'the whole batch; freeze them (freeze, or norm.frozen = true) for an equal one';
    await events.warn(message);
  }

  #settingsAt(step: number): RunSettings {
    const { loss, clipNorm, chunkSize, ema, freeze, schedule = () => 1 } = this.options;
    return describeRun({
      model: this.model,
      loss,
      optimizer: this.optimizer,
      factor: schedule(step),
      clipNorm,
      chunkSize,
      emaDecay: ema?.decay,
      freeze: freeze?.map(({ match, fromStep, untilStep }) => ({ match: String(match), fromStep, untilStep })) ?? [],
    });
  }

  /** About what a checkpoint takes on a disk: parameters with two moments, averages, buffers. */
  #snapshotBytes(): number {
    const { parameters, buffers } = this.#runner.parts;
    const bytes = (variables: typeof parameters) => variables.reduce((sum, [, { size }]) => sum + 4 * size, 0);
    return bytes(parameters) * (this.#ema ? 4 : 3) + bytes(buffers);
  }

  #snapshotParts(): SnapshotParts {
    const { parameters, buffers } = this.#runner.parts;
    return { parameters, buffers, optimizer: this.optimizer, ema: this.#ema };
  }
}

/** Of a model whose text tower says it. */
function vocabSizeOf(model: object): number | undefined {
  return (model as { readonly text?: TextEncoder }).text?.vocabSize;
}

/** Never twice the same, whatever the seed. */
function newIdentity(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** True if the source says that its epoch ends here. */
function isComplete({ batchesPerEpoch }: BatchSource, seen: number): boolean {
  return batchesPerEpoch !== undefined && seen >= batchesPerEpoch;
}

function runLength({ batchesPerEpoch }: BatchSource, epochs: number, steps: number): number | undefined {
  const byEpochs = batchesPerEpoch === undefined ? Number.POSITIVE_INFINITY : batchesPerEpoch * epochs;
  const total = Math.min(steps, byEpochs);
  return Number.isFinite(total) ? total : undefined;
}

/** Of options that are functions or lists; others are checked by the parts that read them. */
function checkSettings({ schedule, targets, freeze }: TrainerOptions): void {
  for (const [name, given] of Object.entries({ schedule, targets })) {
    if (given === undefined || typeof given === 'function') continue;
    throw new ConfigError({
      where: `train.Trainer: ${name}`,
      expected: 'a function',
      got: String(given),
      remedy: name === 'schedule' ? 'warmupCosine({ total, warmup })' : 'storedTargets(embeddings)',
    });
  }
  if (freeze === undefined || (Array.isArray(freeze) && freeze.every((rule) => rule?.match !== undefined))) return;
  throw new ConfigError({
    where: 'train.Trainer: freeze',
    expected: 'a list of { match, fromStep, untilStep }',
    got: JSON.stringify(freeze),
    remedy: "freeze: [{ match: 'text', untilStep: 100 }]",
  });
}
