import {
  buffersOf,
  CheckpointError,
  ConfigError,
  type Json,
  type Optimizer,
  type PairBatch,
  parametersOf,
  siteOf,
  type TextEncoder,
  type TowerOutputs,
  TrainingError,
} from '@diptych/core';
import { BatchNorm2d, Module } from '@diptych/nn';
import { type EmbeddedSource, type EmbedOptions, type EmbedOutput, embedPairs } from '../evaluate/embed.js';
import { type EvaluateOptions, type Evaluation, evaluate, flatMetrics } from '../evaluate/evaluate.js';
import { releaseCompiled } from '../evaluate/run-in-order.js';
import { AdamW } from '../optimizers/adamw.js';
import type { TrainableModel } from '../trainable-model.js';
import { asSource, checkBatch } from './check-batch.js';
import { checkLoss } from './check-loss.js';
import type { CheckpointStore, TrainingSnapshot } from './checkpoint-store.js';
import { Ema } from './ema.js';
import { FreezeSchedule } from './freeze-schedule.js';
import { openStore } from './open-store.js';
import type { BatchSource, FitOptions, FitResult, StepReport, TrainerOptions, TrainingEvent } from './options.js';
import { Progress } from './progress.js';
import { Recomputation } from './recompute.js';
import { Rhythm } from './rhythm.js';
import { describeRun, formatChange, type RunSettings, type SettingChange } from './run-settings.js';
import { type DataMark, refuseOther, restoreSnapshot, type SnapshotParts, takeSnapshot } from './snapshot.js';
import { StepRunner } from './step-runner.js';
import { TowerWatch } from './tower-watch.js';
import type { StepParts } from './training-step.js';
import { formatParts, frozenParts, unusedError, unusedParts } from './unused-parameters.js';
import { EarlyStopping } from './validation.js';

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
  readonly #parts: StepParts<Outputs>;
  readonly #runner: StepRunner<Outputs>;
  readonly #freeze: FreezeSchedule;
  readonly #ema: Ema | undefined;
  #rhythm: Rhythm | undefined;
  #step = 0;
  #epoch = 0;
  #batch = 0;
  #skips = 0;
  #busy = false;
  #loss = Number.NaN;
  /** What does not train, as it was said last; undefined before the first step. */
  #frozen: string | undefined;
  #usageChecked = false;
  /** Whose checkpoints it writes. */
  #identity = newIdentity();
  #data: DataMark = {};
  #lastIds: readonly string[] | undefined;
  /** True until the first epoch after a resume begins. */
  #resumed = false;
  /** The batch source's place in the last resumed snapshot. */
  #sourceState: unknown;
  #earlyState: Readonly<Record<string, Json | undefined>> | undefined;

  /** @throws ConfigError if a group of the optimizer or a freeze rule chooses nothing */
  constructor(model: TrainableModel<Outputs>, options: TrainerOptions<Outputs>) {
    this.model = model;
    this.options = options;
    this.optimizer = options.optimizer ?? new AdamW();
    checkChunks(options.chunkSize);
    checkLoss(options.loss, model);
    const parameters = [...parametersOf(model), ...parametersOf(options.loss, 'loss')];
    this.optimizer.bind(parameters);
    this.#parts = {
      model,
      loss: options.loss,
      optimizer: this.optimizer,
      parameters,
      buffers: [...buffersOf(model), ...buffersOf(options.loss, 'loss')],
      clipNorm: options.clipNorm ?? Number.POSITIVE_INFINITY,
      recompute: options.recompute?.length ? new Recomputation(model, options.recompute) : undefined,
    };
    this.#runner = new StepRunner(this.#parts, options.chunkSize);
    this.#freeze = new FreezeSchedule(options.freeze ?? [], model, parameters);
    this.#ema = options.ema && new Ema([...parameters, ...this.#parts.buffers], options.ema);
  }

  /** Steps done so far, over all calls of `fit` and before a resume. */
  get step(): number {
    return this.#step;
  }

  /** Epochs completed. */
  get epoch(): number {
    return this.#epoch;
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
    const { epochs, steps, signal } = options ?? {};
    if (this.#busy) throw new ConfigError({ where: 'train.Trainer.fit', problem: 'this trainer is training already' });
    if (epochs === undefined && steps === undefined && !signal) {
      throw new ConfigError({ where: 'train.Trainer.fit', expected: 'epochs, steps or a signal', got: 'no end' });
    }
    if (options.validate && !options.validate.run && !options.validate.towers) {
      throw new ConfigError({ where: 'train.Trainer.fit: validate', expected: 'run, towers or both', got: 'neither' });
    }
    this.#busy = true;
    try {
      const store = options.checkpoint === undefined ? undefined : await openStore(options.checkpoint);
      await store?.open?.(this.#snapshotBytes());
      try {
        if (store) await this.#enter(store, options);
        if (store) await this.#identifyData(source);
        return await this.#run(source, options, store);
      } finally {
        await store?.close?.();
      }
    } finally {
      this.#busy = false;
    }
  }

  /** The run's state on the host. */
  snapshot(source?: BatchSource, score?: number): Promise<TrainingSnapshot> {
    const { seed = 0 } = this.options;
    const position = {
      run: this.#identity,
      step: this.#step,
      epoch: this.#epoch,
      batch: this.#batch,
      seed,
      loss: Number.isFinite(this.#loss) ? this.#loss : undefined,
      settings: this.#settingsAt(this.#step),
      data: { ...this.#data, lastBatch: this.#lastIds ? markOf(this.#lastIds) : this.#data.lastBatch },
      source: source?.state?.() as Json | undefined,
      validation: this.#earlyState,
    };
    return takeSnapshot(this.#snapshotParts(), position, score);
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
    this.#epoch = position.epoch;
    this.#batch = position.batch;
    this.#loss = position.loss ?? Number.NaN;
    this.#data = position.data ?? {};
    this.#lastIds = undefined;
    this.#resumed = true;
    this.#sourceState = position.source;
    this.#earlyState = position.validation;
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
  async resume(
    from: string | CheckpointStore,
    which = 'latest',
    to: Pick<FitOptions, 'onEvent' | 'log'> = {},
  ): Promise<boolean> {
    const store = await openStore(from);
    const snapshot = await store.load(which, (name, message) => tell({ kind: 'checkpointDamaged', name, message }, to));
    if (!snapshot) return false;
    const changes = this.restore(snapshot);
    await tell({ kind: 'resumed', step: this.#step, changes }, to);
    return true;
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
    this.#rhythm?.dispose();
    this.#rhythm = undefined;
    this.#ema?.dispose();
    this.optimizer.dispose();
  }

  /** Takes up the run that the store holds, or begins one that does not touch it. */
  async #enter(store: CheckpointStore, options: FitOptions): Promise<void> {
    if (options.resume && (await this.resume(store, 'latest', options))) return;
    const held = await runsIn(store);
    const others = held.filter((run) => options.resume || run !== this.#identity);
    if (others.length === 0) return;
    const place = store.folder ?? 'this store';
    if (!options.fresh) {
      throw options.resume
        ? new CheckpointError({
            where: 'train.Trainer.fit: resume',
            problem: `every checkpoint in ${place} is damaged`,
            remedy:
              'bring one back from a copy, or pass fresh: true as well, which puts them aside and begins at step 0',
          })
        : new CheckpointError({
            where: 'train.Trainer.fit: checkpoint',
            problem: `${place} holds the checkpoints of another run`,
            remedy:
              'pass resume: true to go on with that run, fresh: true to put its checkpoints aside and begin a new one, ' +
              'or name another folder',
          });
    }
    if (!store.moveAside) {
      throw new ConfigError({
        where: 'train.Trainer.fit: fresh',
        problem: 'this store cannot put checkpoints aside (it has no moveAside)',
        remedy: 'use an empty store',
      });
    }
    await tell({ kind: 'movedAside', to: await store.moveAside() }, options);
  }

  /** @throws CheckpointError if a resumed run would go on with other data */
  async #identifyData(source: BatchSource): Promise<void> {
    const fingerprint = await source.fingerprint?.();
    const { fingerprint: saved } = this.#data;
    if (saved !== undefined && fingerprint !== undefined) {
      refuseOther(`train.Trainer.fit: step ${this.#step}`, 'data of the fingerprint', saved, fingerprint);
    }
    this.#data = { ...this.#data, fingerprint };
  }

  /** Looks whether the batches that a resumed run skips are the ones that it was trained on. */
  #checkSkipped({ size, ids }: PairBatch, seen: number, skipped: number): void {
    const where = `train.Trainer.fit: epoch ${this.#epoch}, batch ${seen}`;
    const { batchSize, lastBatch } = this.#data;
    if (seen === 1 && batchSize !== undefined) refuseOther(where, 'batch size', batchSize, size);
    if (seen < skipped || lastBatch === undefined || lastBatch === markOf(ids)) return;
    throw new CheckpointError({
      where,
      expected: 'the batch that the run saw there',
      got: 'another one',
      remedy: 'resume with the same source and order of items, or start a new run in another folder',
    });
  }

  /** Remembers how large the epoch's first batch is; says so where a resumed run has another one. */
  async #noteBatchSize(now: number, options: FitOptions): Promise<void> {
    const { batchSize: before } = this.#data;
    this.#data = { ...this.#data, batchSize: now };
    if (this.#resumed && before !== undefined && before !== now) {
      await tell({ kind: 'resumed', step: this.#step, changes: [{ what: 'batchSize', before, now }] }, options);
    }
    this.#resumed = false;
  }

  async #run(source: BatchSource, options: FitOptions, store: CheckpointStore | undefined): Promise<FitResult> {
    const { epochs = Number.POSITIVE_INFINITY, steps = Number.POSITIVE_INFINITY, signal, validate } = options;
    const progress = new Progress();
    const total = runLength(source, epochs, steps);
    const early = new EarlyStopping(validate ?? {});
    early.restore(this.#earlyState);
    const watch = validate?.towers && new TowerWatch((of, how) => this.embed(of, how), validate.towers);
    const breath = new Breath();
    let saved = -1;
    let score: number | undefined;

    const save = async (last: boolean) => {
      if (!store || saved === this.#step) return;
      try {
        const name = await store.save(await this.snapshot(source, score));
        saved = this.#step;
        await tell({ kind: 'checkpoint', step: this.#step, name }, options);
      } catch (error) {
        if (last) throw error;
        const message = error instanceof Error ? error.message : String(error);
        await tell({ kind: 'checkpointFailed', step: this.#step, message }, options);
      }
    };
    const validated = async (): Promise<boolean> => {
      const towers = await watch?.measure();
      const metrics = { ...(await validate!.run?.()), ...(towers && flatMetrics(towers.metrics, 'towers.')) };
      for (const message of towers?.warnings ?? []) await tell({ kind: 'warning', message }, options);
      await tell({ kind: 'validation', step: this.#step, metrics }, options);
      const verdict = early.judge(metrics);
      score = verdict.score;
      this.#earlyState = early.state();
      return verdict.stop;
    };
    const ended = async (stopped: FitResult['stopped']): Promise<FitResult> => {
      await save(true);
      return { stopped, steps: this.#step, epochs: this.#epoch, loss: this.#loss, seconds: progress.seconds };
    };
    const due = (every: number | undefined, count: number) => every !== undefined && count % every === 0;
    const { checkpointEvery = { epochs: 1 } } = options;
    const validateEpochs = validate && (validate.everyEpochs ?? (validate.everySteps === undefined ? 1 : undefined));

    await this.#warnOfBatchNorm(options);
    while (this.#epoch < epochs && this.#step < steps) {
      const done = await this.#comeBackTo(source);
      let seen = done.seen;
      for await (const batch of source.epoch(this.#epoch)) {
        seen++;
        checkBatch(batch, `train.Trainer.fit: epoch ${this.#epoch}, batch ${seen}`, vocabSizeOf(this.model));
        if (seen <= done.skip) {
          this.#checkSkipped(batch, seen, done.skip);
          continue;
        }
        if (seen === 1) await this.#noteBatchSize(batch.size, options);
        if (signal?.aborted) return ended('aborted');
        const report = await this.#trainOn(batch, progress, total, options);
        source.recycle?.(batch);
        this.#batch = seen;
        this.#lastIds = batch.ids;
        this.#loss = report.loss;
        score = undefined;
        await options.log?.write({ kind: 'step', ...report });
        await options.onStep?.(report);
        if (due(validate?.everySteps, this.#step) && (await validated())) return ended('early');
        if (due(checkpointEvery.steps, this.#step)) await save(false);
        await breath.pause();
        if (this.#step >= steps) break;
      }
      if (seen === 0) throw emptyEpoch(this.#epoch);
      if (this.#step >= steps && !isComplete(source, seen)) return ended('done');
      this.#epoch++;
      this.#batch = 0;
      if (due(validateEpochs, this.#epoch) && (await validated())) return ended('early');
      if (due(checkpointEvery.epochs, this.#epoch)) await save(false);
      if (signal?.aborted) return ended('aborted');
    }
    return ended('done');
  }

  /** Takes a resumed source to its place; says how many batches of the epoch are behind it, and how many to skip. */
  async #comeBackTo(source: BatchSource): Promise<{ seen: number; skip: number }> {
    const state = this.#sourceState;
    this.#sourceState = undefined;
    if (this.#batch === 0) return { seen: 0, skip: 0 };
    if (state !== undefined && source.resume) {
      await source.resume(state);
      return { seen: this.#batch, skip: 0 };
    }
    return { seen: 0, skip: this.#batch };
  }

  async #trainOn(
    batch: PairBatch,
    progress: Progress,
    total: number | undefined,
    options: FitOptions,
  ): Promise<StepReport> {
    const { schedule = () => 1, seed = 0, targets, rhythmEvery = 50, nonFinite: policy = 'stop' } = this.options;
    await this.#applyFreezing(options);
    const factor = schedule(this.#step);
    if (rhythmEvery > 0) this.#rhythm ??= new Rhythm(this.#parts.parameters);
    const measured = rhythmEvery > 0 && this.#step % rhythmEvery === 0 ? this.#rhythm!.before() : undefined;
    const { values, updated, nonFinite } = await this.#runner.run(batch, targets?.(batch) ?? {}, factor, [
      seed,
      this.#step,
    ]);
    const updateRatios = measured && (await this.#rhythm!.after(measured));
    const warning = updateRatios && this.#rhythm!.judge(updateRatios);
    if (warning) await tell({ kind: 'warning', message: warning }, options);
    if (nonFinite !== undefined) await this.#sickStep(nonFinite, batch, policy, options);
    else this.#skips = 0;
    this.#step++;
    if (nonFinite === undefined) await this.#checkUsed(updated, options);
    if (nonFinite === undefined) this.#ema?.update(this.#step);
    progress.step(batch.size);
    return {
      step: this.#step,
      epoch: this.#epoch,
      total,
      loss: values.get('loss')!,
      parts: withPrefix(values, 'part.'),
      gradNorm: values.get('gradNorm')!,
      towerGradNorms: withPrefix(values, 'gradNorm.'),
      learningRates: Object.fromEntries(
        Object.entries(this.optimizer.learningRates()).map(([tower, rate]) => [tower, rate * factor]),
      ),
      pairs: batch.size,
      pairsPerSecond: progress.pairsPerSecond,
      seconds: progress.seconds,
      etaSeconds: total === undefined ? undefined : progress.etaSeconds(total - this.#step),
      updateRatios,
      nonFinite,
    };
  }

  /** Freezes and thaws for the step that comes next; says what stays as it is, at first and when that changes. */
  async #applyFreezing(options: FitOptions): Promise<void> {
    this.#freeze.apply(this.#step);
    const parts = frozenParts(this.#parts.parameters);
    const key = parts.join();
    if (key === this.#frozen) return;
    if (parts.length > 0 || this.#frozen !== undefined) {
      await tell({ kind: 'frozen', step: this.#step, parts }, options);
    }
    this.#frozen = key;
    this.#usageChecked = false;
  }

  /** @throws ConfigError if something that trains had no gradient, unless that is a warning only */
  async #checkUsed(updated: readonly number[], options: FitOptions): Promise<void> {
    if (this.#usageChecked) return;
    this.#usageChecked = true;
    const unused = unusedParts(this.model, this.#parts.parameters, updated);
    if (unused.size === 0) return;
    if (this.options.unusedParameters !== 'warn') throw unusedError(unused, this.#step);
    const message = `no gradient for ${formatParts(unused)}: the loss does not read it, and it stays as it is`;
    await tell({ kind: 'warning', message }, options);
  }

  async #sickStep(tensor: string, batch: PairBatch, policy: 'stop' | 'skip', options: FitOptions): Promise<void> {
    await tell({ kind: 'nonFinite', step: this.#step, tensor, ids: batch.ids }, options);
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

  async #warnOfBatchNorm(options: FitOptions): Promise<void> {
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
    await tell({ kind: 'warning', message }, options);
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
    const { parameters, buffers } = this.#parts;
    const bytes = (variables: typeof parameters) => variables.reduce((sum, [, { size }]) => sum + 4 * size, 0);
    return bytes(parameters) * (this.#ema ? 4 : 3) + bytes(buffers);
  }

  #snapshotParts(): SnapshotParts {
    const { parameters, buffers } = this.#parts;
    return { parameters, buffers, optimizer: this.optimizer, ema: this.#ema };
  }
}

async function tell(event: TrainingEvent, { onEvent, log }: Pick<FitOptions, 'onEvent' | 'log'>): Promise<void> {
  await log?.write({ ...event });
  if (onEvent) await onEvent(event);
  else {
    const message = messageFor(event);
    if (message !== undefined) console.warn(message);
  }
}

/** What a person has to hear who listens to no events. */
function messageFor(event: TrainingEvent): string | undefined {
  if (event.kind === 'warning' || event.kind === 'checkpointFailed') return event.message;
  if (event.kind === 'checkpointDamaged') return `${event.message}; trying the one before it`;
  if (event.kind === 'movedAside') return `the checkpoints of the run before are now in ${event.to}`;
  if (event.kind !== 'resumed' || event.changes.length === 0) return undefined;
  return `going on from step ${event.step} with ${event.changes.map(formatChange).join('; ')}`;
}

/** A number for the pairs of a batch, in their order. */
function markOf(ids: readonly string[]): number {
  return siteOf(ids.join('\n'));
}

/** Of a model whose text tower says it. */
function vocabSizeOf(model: object): number | undefined {
  return (model as { readonly text?: TextEncoder }).text?.vocabSize;
}

/** Never twice the same, whatever the seed. */
function newIdentity(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function runsIn(store: CheckpointStore): Promise<readonly string[]> {
  if (store.runs) return store.runs();
  const latest = await store.load('latest');
  return latest ? [latest.state.run ?? ''] : [];
}

/** True if the source says that its epoch ends here. */
function isComplete({ batchesPerEpoch }: BatchSource, seen: number): boolean {
  return batchesPerEpoch !== undefined && seen >= batchesPerEpoch;
}

function emptyEpoch(epoch: number): TrainingError {
  return new TrainingError({
    where: `train.Trainer.fit: epoch ${epoch}`,
    expected: 'at least one batch',
    got: 'none',
    remedy: 'fewer pairs than the batch size, with dropLast? Make batchSize smaller',
  });
}

function checkChunks(chunkSize: number | undefined): void {
  if (chunkSize === undefined || (Number.isInteger(chunkSize) && chunkSize > 0)) return;
  throw new ConfigError({ where: 'train.Trainer', expected: 'a whole chunkSize above 0', got: String(chunkSize) });
}

function runLength({ batchesPerEpoch }: BatchSource, epochs: number, steps: number): number | undefined {
  const byEpochs = batchesPerEpoch === undefined ? Number.POSITIVE_INFINITY : batchesPerEpoch * epochs;
  const total = Math.min(steps, byEpochs);
  return Number.isFinite(total) ? total : undefined;
}

function withPrefix(values: ReadonlyMap<string, number>, prefix: string): Record<string, number> {
  return Object.fromEntries(
    [...values].flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])),
  );
}

/** Lets signals and timers through now and then: steps on a CPU backend never wait for anything. */
class Breath {
  #last = performance.now();

  async pause(): Promise<void> {
    if (performance.now() - this.#last < 50) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#last = performance.now();
  }
}
