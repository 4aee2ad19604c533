import { ConfigError, type PairBatch, type TowerOutputs, TrainingError } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { AdamW } from '../optimizers/adamw.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import { buffersOf, parametersOf } from '../parts.js';
import type { TrainableModel } from '../trainable-model.js';
import { toDevice } from './device-batch.js';
import type { BatchSource, FitOptions, FitResult, StepReport, TrainerOptions } from './options.js';
import { Progress } from './progress.js';
import { type StepParts, type WholeStep, wholeStep } from './training-step.js';

/**
 * Trains a model on batches of pairs.
 *
 * ```ts
 * const trainer = new Trainer(model, { loss: new InfoNCE(), optimizer: new AdamW({ learningRate: 1e-3 }) });
 * await trainer.fit(loader, { epochs: 5 });
 * ```
 *
 * The same seed, data and backend give the same losses in the same order.
 */
export class Trainer<Outputs extends TowerOutputs> {
  readonly model: TrainableModel<Outputs>;
  readonly optimizer: Optimizer;
  readonly options: TrainerOptions<Outputs>;
  readonly #parts: StepParts<Outputs>;
  #compiled: WholeStep | undefined;
  #step = 0;
  #epoch = 0;
  #batch = 0;
  #busy = false;

  constructor(model: TrainableModel<Outputs>, options: TrainerOptions<Outputs>) {
    this.model = model;
    this.options = options;
    this.optimizer = options.optimizer ?? new AdamW();
    const owners = [['', model] as const, ['loss', options.loss] as const];
    const parameters = [...parametersOf(owners)];
    this.optimizer.bind(parameters);
    this.#parts = {
      model,
      loss: options.loss,
      optimizer: this.optimizer,
      parameters,
      buffers: [...buffersOf(owners)],
      clipNorm: options.clipNorm ?? Number.POSITIVE_INFINITY,
    };
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
   * @throws TrainingError if an epoch has no batch
   */
  async fit(source: BatchSource, options: FitOptions): Promise<FitResult> {
    const { epochs = Number.POSITIVE_INFINITY, steps = Number.POSITIVE_INFINITY, signal } = options;
    if (this.#busy) throw new ConfigError({ where: 'train.Trainer.fit', problem: 'this trainer is training already' });
    if (epochs === Number.POSITIVE_INFINITY && steps === Number.POSITIVE_INFINITY && !signal) {
      throw new ConfigError({ where: 'train.Trainer.fit', expected: 'epochs, steps or a signal', got: 'no end' });
    }
    this.#busy = true;
    try {
      return await this.#run(source, options, epochs, steps);
    } finally {
      this.#busy = false;
    }
  }

  /** Frees the optimizer's state and what the backend compiled. The model stays. */
  dispose(): void {
    this.#compiled?.dispose();
    this.#compiled = undefined;
    this.optimizer.dispose();
  }

  async #run(source: BatchSource, options: FitOptions, epochs: number, steps: number): Promise<FitResult> {
    const { signal, onStep } = options;
    const progress = new Progress();
    const total = runLength(source, epochs, steps);
    const breath = new Breath();
    let loss = Number.NaN;
    const ended = (stopped: FitResult['stopped']): FitResult => ({
      stopped,
      steps: this.#step,
      epochs: this.#epoch,
      loss,
      seconds: progress.seconds,
    });
    while (this.#epoch < epochs && this.#step < steps) {
      let seen = 0;
      const done = this.#batch;
      for await (const batch of source.epoch(this.#epoch)) {
        seen++;
        if (seen <= done) continue; // before a resume
        if (signal?.aborted) return ended('aborted');
        const report = await this.#trainOn(batch, progress, total);
        this.#batch = seen;
        loss = report.loss;
        await onStep?.(report);
        await breath.pause();
        if (this.#step >= steps) return ended('done');
      }
      if (seen === 0) {
        throw new TrainingError({
          where: `train.Trainer.fit: epoch ${this.#epoch}`,
          expected: 'at least one batch',
          got: 'none',
          remedy: 'fewer pairs than the batch size, with dropLast? Make batchSize smaller',
        });
      }
      this.#epoch++;
      this.#batch = 0;
      if (signal?.aborted) return ended('aborted');
    }
    return ended('done');
  }

  async #trainOn(batch: PairBatch, progress: Progress, total: number | undefined): Promise<StepReport> {
    const { schedule = () => 1, seed = 0, targets } = this.options;
    const factor = schedule(this.#step);
    this.optimizer.prepare();
    this.#compiled ??= wholeStep(this.#parts);
    const hyper = tf.tensor2d(this.optimizer.hyper(factor), [this.#parts.parameters.length, 3]);
    const state = tf.tensor1d(Int32Array.of(seed, this.#step, 0), 'int32');
    const onDevice = toDevice(batch, targets?.(batch));
    const { scalars, names, updated } = this.#compiled(onDevice, hyper, state);
    const values = await scalars.data();
    tf.dispose([hyper, state, scalars, onDevice as unknown as tf.TensorContainer]);
    const read = new Map(names.map((name, i) => [name, values[i]!]));
    this.optimizer.advance(updated);
    this.#step++;
    progress.step(batch.size);
    return {
      step: this.#step,
      epoch: this.#epoch,
      total,
      loss: read.get('loss')!,
      parts: withPrefix(read, 'part.'),
      gradNorm: read.get('gradNorm')!,
      towerGradNorms: withPrefix(read, 'gradNorm.'),
      learningRates: Object.fromEntries(
        Object.entries(this.optimizer.learningRates()).map(([tower, rate]) => [tower, rate * factor]),
      ),
      pairs: batch.size,
      pairsPerSecond: progress.pairsPerSecond,
      seconds: progress.seconds,
      etaSeconds: total === undefined ? undefined : progress.etaSeconds(total - this.#step),
      skipped: false,
    };
  }
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
