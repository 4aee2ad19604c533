import { ConfigError, type JsonObject, type Optimizer, type PairBatch, type TowerOutputs } from '@diptych/core';
import type { EmbeddedPairs } from '@diptych/metrics';
import type { BatchSource } from '../batches/batch-source.js';
import { asSource } from '../batches/check-batch.js';
import { checkModel, vocabSizeOf } from '../check-model.js';
import { Ranks } from '../distributed/ranks.js';
import { type EmbeddedSource, type EmbedOptions, type EmbedOutput, embedPairs } from '../evaluate/embed.js';
import { type EvaluateOptions, type Evaluation, evaluate } from '../evaluate/evaluate.js';
import { releaseCompiled } from '../evaluate/run-in-order.js';
import type { TrainableModel } from '../trainable-model.js';
import { UpdateWatch } from '../watch/update-ratios.js';
import { checkFitOptions, checkTrainerOptions } from './check-options.js';
import { Ema } from './ema.js';
import { FreezeSchedule } from './freeze-schedule.js';
import type { FitOptions, FitResult, TrainerOptions } from './options.js';
import type { CheckpointStore, TrainingSnapshot } from './run/checkpoint-store.js';
import { DataPlace } from './run/data-place.js';
import { Progress } from './run/progress.js';
import { enterStore, RunCheckpoints } from './run/run-checkpoints.js';
import { type Listeners, RunEvents, type StepReport } from './run/run-events.js';
import { describeRun, type RunSettings, type SettingChange } from './run/run-settings.js';
import { restoreSnapshot, type SnapshotParts, takeSnapshot } from './run/snapshot.js';
import { StepChecks } from './run/step-checks.js';
import { checkLoss } from './step/check-loss.js';
import { checkTrains } from './step/differentiate.js';
import { StepRunner } from './step/step-runner.js';
import { Validation } from './validation.js';

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
  readonly #ranks: Ranks;
  #updates: UpdateWatch | undefined;
  readonly #checks: StepChecks;
  #step = 0;
  #busy = false;
  /** Why the model must not be trained or saved now. */
  #closed: 'averaged' | 'disposed' | undefined;
  #loss = Number.NaN;
  /** Whose checkpoints it writes. */
  #identity = newIdentity();
  #earlyState: JsonObject | undefined;

  /** @throws ConfigError if a group of the optimizer or a freeze rule chooses nothing, or the model lacks what the loss reads */
  constructor(model: TrainableModel<Outputs>, options: TrainerOptions<Outputs>) {
    checkTrainerOptions(options);
    checkModel('train.Trainer: model', model);
    this.model = model;
    this.options = options;
    const { loss, optimizer, clipNorm, chunkSize, recompute, equalCaptions, precision, communicator } = options;
    this.#ranks = new Ranks(communicator);
    this.#runner = new StepRunner({
      model,
      loss,
      optimizer,
      clipNorm,
      chunkSize,
      recompute,
      equalCaptions,
      precision,
      communicator,
    });
    this.optimizer = this.#runner.optimizer;
    checkLoss(loss, model, { targets: this.#targetWidths });
    const { parameters, buffers } = this.#runner.parts;
    this.#freeze = new FreezeSchedule(options.freeze ?? [], model, parameters);
    this.#ema = options.ema && new Ema([...parameters, ...buffers], options.ema);
    this.#place = new DataPlace(vocabSizeOf(model), this.#ranks);
    this.#checks = new StepChecks(model, parameters, options);
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
    checkFitOptions(options);
    checkLoss(this.options.loss, this.model, { targets: this.#targetWidths, labels: source.labels });
    if (this.#busy) throw new ConfigError({ where: 'train.Trainer.fit', problem: 'this trainer is training already' });
    this.#checkOpen('train.Trainer.fit');
    this.#checks.model();
    this.#busy = true;
    try {
      return await this.#ranks.together(() => this.#enter(source, options));
    } finally {
      this.#busy = false;
    }
  }

  /**
   * The run's state on the host.
   *
   * @throws ConfigError inside of `withAverages`, whose weights are not the ones that train
   */
  snapshot(source?: BatchSource, score?: number): Promise<TrainingSnapshot> {
    this.#checkOpen('train.Trainer.snapshot');
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
    this.#checkOpen('train.Trainer.restore');
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
    const store = await this.#ranks.store(from);
    return this.#resume(store, which, new RunEvents(this.#ranks.listeners(to)));
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
    this.#checkOpen('train.Trainer.withAverages');
    ema.swap();
    this.#closed = 'averaged';
    try {
      return await run();
    } finally {
      ema.swap();
      this.#closed = undefined;
    }
  }

  /** Frees the optimizer's state and what the backend compiled. The model stays. */
  dispose(): void {
    this.#closed = 'disposed';
    this.#runner.dispose();
    releaseCompiled(this.model);
    this.#updates?.dispose();
    this.#updates = undefined;
    this.#ema?.dispose();
  }

  #checkOpen(where: string): void {
    if (this.#closed === undefined) return;
    const averaged = this.#closed === 'averaged';
    throw new ConfigError({
      where,
      problem: averaged ? 'the model has its averaged weights, inside of withAverages' : 'this trainer was disposed of',
      remedy: averaged ? 'train and save after it' : 'make a new Trainer',
    });
  }

  /** Takes the place of the run's checkpoints, where it has one, and runs. */
  async #enter(source: BatchSource, options: FitOptions): Promise<FitResult> {
    const ranks = this.#ranks;
    const events = new RunEvents(ranks.listeners(options));
    this.#identity = (await ranks.first(async () => ({ run: this.#identity }))).run;
    if (options.checkpoint === undefined) return await this.#run(source, options, events, undefined);
    const store = await ranks.store(options.checkpoint);
    await store.open?.(this.#snapshotBytes());
    try {
      const resumed = options.resume && (await this.#resume(store, 'latest', events));
      if (!resumed) await enterStore(store, this.#identity, options, events);
      await this.#place.identify(source);
      const every = options.checkpointEvery ?? { epochs: 1 };
      const checkpoints = ranks.isFirst ? new RunCheckpoints(store, every, events) : undefined;
      return await this.#run(source, options, events, checkpoints);
    } finally {
      await store.close?.();
    }
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
    const validation = validate && new Validation(validate, (of, how) => this.#embedPairs(of, how), this.#earlyState);
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

    this.#freeze.apply(this.#step);
    checkTrains(this.#runner.parts.parameters);
    if (this.#step === 0) await this.#checks.begin(source, events);
    while (place.epoch < epochs && this.#step < steps) {
      for await (const batch of place.batches(source, onChange)) {
        if (await this.#ranks.any(signal?.aborted === true)) return end('aborted');
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
      if (await this.#ranks.any(signal?.aborted === true)) return end('aborted');
    }
    return end('done');
  }

  /** As losses take the pairs: equal captions as partners of each other, or not. */
  async #embedPairs(source: BatchSource, options: Pick<EmbedOptions, 'pairs'>): Promise<EmbeddedPairs> {
    const pairs = await this.embed(source, options);
    return this.options.equalCaptions === false ? { ...pairs, captions: undefined } : pairs;
  }

  async #validate(validation: Validation, events: RunEvents) {
    const found = await this.#ranks.first(() => validation.measure());
    for (const message of found.warnings) await events.warn(message);
    await events.tell({ kind: 'validation', step: this.#step, metrics: found.metrics });
    if (found.examples) await events.tell({ kind: 'examples', step: this.#step, ...found.examples });
    this.#earlyState = validation.state();
    return found;
  }

  async #trainOn(batch: PairBatch, progress: Progress, events: RunEvents): Promise<StepReport> {
    const { schedule = () => 1, seed = 0, targets, rhythmEvery = 50 } = this.options;
    this.#freeze.apply(this.#step);
    await this.#checks.before(this.#step, batch, events);
    const factor = schedule(this.#step);
    const watches = rhythmEvery > 0 && this.#step % rhythmEvery === 0;
    if (watches) this.#updates ??= new UpdateWatch(this.#runner.parts.parameters);
    const before = watches ? this.#updates!.before() : undefined;
    const outcome = await this.#runner.run(batch, { step: this.#step, seed, factor, targets: targets?.(batch) });
    const updateRatios = before && (await this.#updates!.after(before));
    const warning = updateRatios && this.#updates!.judge(updateRatios);
    if (warning) await events.warn(warning);
    const { updated, nonFinite, ...numbers } = outcome;
    if (nonFinite !== undefined) await this.#checks.nonFinite(this.#step, nonFinite, batch, events);
    this.#step++;
    if (nonFinite === undefined) {
      await this.#checks.updated(this.#step, updated, events);
      this.#ema?.update(this.#step);
    }
    this.#loss = numbers.loss;
    const rates = Object.entries(this.optimizer.learningRates());
    return {
      step: this.#step,
      epoch: this.#place.epoch,
      ...numbers,
      learningRates: Object.fromEntries(rates.map(([tower, rate]) => [tower, rate * factor])),
      ...progress.afterStep(this.#step, numbers.pairs),
      updateRatios,
      nonFinite,
    };
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

  /** What batches bring as `targets`; undefined where the option does not say. */
  get #targetWidths(): Readonly<Record<string, number>> | undefined {
    const { targets } = this.options;
    return targets ? targets.widths : {};
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
