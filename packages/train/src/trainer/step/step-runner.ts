import {
  buffersOf,
  type Communicator,
  ConfigError,
  checkMethods,
  checkOptions,
  type Loss,
  type Optimizer,
  type OptionNames,
  type PairBatch,
  parametersOf,
  type TowerOutputs,
} from '@diptych/core';
import { disposeNested } from '@diptych/core/tfjs';
import { type Compiled, compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { checkBatch, checkTargets } from '../../batches/check-batch.js';
import { type DeviceBatch, type HostRows, trainingBatch } from '../../batches/device-batch.js';
import { checkModel, vocabSizeOf } from '../../check-model.js';
import { checkCommunicator } from '../../distributed/check-communicator.js';
import { type DistributedStep, distributedStep } from '../../distributed/distributed-step.js';
import { startAlike } from '../../distributed/start-alike.js';
import { AdamW } from '../../optimizers/adamw.js';
import type { TrainableModel } from '../../trainable-model.js';
import type { TrainerOptions } from '../options.js';
import { checkLoss } from './check-loss.js';
import { chunkedStep } from './chunked-step.js';
import { firstNonFinite } from './diagnose.js';
import { Recomputation } from './recompute.js';
import type { StepParts } from './step-parts.js';
import type { StepResult, TrainingStep } from './training-step.js';
import { wholeStep } from './whole-step.js';

/** What a training step acts on. */
export interface StepRunnerOptions<Outputs extends TowerOutputs> {
  readonly model: TrainableModel<Outputs>;
  readonly loss: Loss<Outputs>;
  /** Default `new AdamW()`. */
  readonly optimizer?: Optimizer;
  /** Gradients are scaled down to this global norm. Default: no clipping. */
  readonly clipNorm?: number;
  /** See `TrainerOptions`. */
  readonly chunkSize?: number;
  readonly recompute?: TrainerOptions<Outputs>['recompute'];
  readonly precision?: TrainerOptions<Outputs>['precision'];
  /** Pairs with equal captions are positives of each other. Default true. */
  readonly equalCaptions?: boolean;
  /** See `TrainerOptions`. */
  readonly communicator?: Communicator;
}

const OPTIONS: OptionNames<StepRunnerOptions<TowerOutputs>> = {
  model: 'required',
  loss: 'required',
  optimizer: 'optional',
  clipNorm: 'optional',
  chunkSize: 'optional',
  recompute: 'optional',
  precision: 'optional',
  equalCaptions: 'optional',
  communicator: 'optional',
};

/** Which step of a run it is. */
export interface StepPosition {
  /** From 0; with the seed it decides what dropout and losses draw. */
  readonly step: number;
  /** Default 0. */
  readonly seed?: number;
  /** Of the schedule, on the learning rates; default 1. */
  readonly factor?: number;
  /** Further rows that the loss reads as `batch.targets`. */
  readonly targets?: Readonly<Record<string, HostRows>>;
}

const POSITION: OptionNames<StepPosition> = {
  step: 'required',
  seed: 'optional',
  factor: 'optional',
  targets: 'optional',
};

/** What a step gave, on the host. */
export interface StepOutcome {
  readonly loss: number;
  /** Global norm of the gradients before clipping. */
  readonly gradNorm: number;
  /** The same for each tower. */
  readonly towerGradNorms: Readonly<Record<string, number>>;
  /** Named parts of the loss. */
  readonly parts: Readonly<Record<string, number>>;
  /** Pairs in the batch, of all ranks. */
  readonly pairs: number;
  /** Positions of the parameters that had a gradient. */
  readonly updated: readonly number[];
  /** Where loss or gradients were not finite: the first tensor that was not. Nothing was changed then. */
  readonly nonFinite: string | undefined;
}

/**
 * Runs training steps, whole or in chunks: forward, loss, gradients, clipping, update. What a Trainer does between them (schedule,
 * checkpoints, validation, events) is not in here, so that a loop by hand is short:
 *
 * ```ts
 * const runner = new StepRunner({ model, loss: new InfoNCE() });
 * let step = 0;
 * for await (const batch of loader.epoch(0)) console.log((await runner.run(batch, { step: step++ })).loss);
 * ```
 */
export class StepRunner<Outputs extends TowerOutputs> {
  readonly optimizer: Optimizer;
  readonly parts: StepParts<Outputs>;
  readonly #chunkSize: number | undefined;
  #whole: TrainingStep | undefined;
  #chunked: TrainingStep | undefined;
  #constrain: Compiled<[], []> | undefined;
  readonly #communicator: Communicator | undefined;
  #distributed: DistributedStep | undefined;

  /** @throws ConfigError for an unknown option, if the model lacks what the loss reads, or a group of the optimizer chooses nothing */
  constructor(options: StepRunnerOptions<Outputs>) {
    checkOptions('train.StepRunner', options, OPTIONS as OptionNames<StepRunnerOptions<Outputs>>);
    const { model, loss, optimizer = new AdamW(), clipNorm = Number.POSITIVE_INFINITY, chunkSize, recompute } = options;
    const { equalCaptions, precision, communicator } = options;
    checkModel('train.StepRunner: model', model);
    if (chunkSize !== undefined && !(Number.isInteger(chunkSize) && chunkSize > 0)) {
      throw new ConfigError({ where: 'train.Trainer', expected: 'a whole chunkSize above 0', got: String(chunkSize) });
    }
    if (!(typeof clipNorm === 'number' && clipNorm > 0)) {
      throw new ConfigError({ where: 'train.Trainer', expected: 'clipNorm above 0', got: String(clipNorm) });
    }
    checkLoss(loss, model);
    checkMethods('train.Trainer: optimizer', optimizer, ['bind', 'prepare', 'hyper', 'advance'], 'new AdamW()');
    const parameters = [...parametersOf(model), ...parametersOf(loss, 'loss')];
    optimizer.bind(parameters);
    this.optimizer = optimizer;
    this.parts = {
      model,
      loss,
      optimizer,
      parameters,
      buffers: [...buffersOf(model), ...buffersOf(loss, 'loss')],
      equalCaptions,
      clipNorm,
      precision,
      recompute: recompute === undefined ? undefined : new Recomputation(model, recompute),
    };
    this.#chunkSize = chunkSize;
    this.#communicator = checkCommunicator(communicator);
  }

  /**
   * One step on a batch. A step whose loss or gradients are not finite changes nothing.
   *
   * @throws ShapeError, InputError if the batch is none, or a token id is outside the text tower's vocabulary
   */
  async run(batch: PairBatch, position: StepPosition): Promise<StepOutcome> {
    checkOptions('train.StepRunner.run', position, POSITION);
    const { optimizer, parameters, model } = this.parts;
    checkBatch(batch, 'train.StepRunner.run: batch', vocabSizeOf(model));
    const { step, seed = 0, factor = 1, targets = {} } = position;
    checkTargets(targets, batch.size);
    for (const [name, head] of Object.entries(model.heads?.byName ?? {})) {
      const labels = batch.labels?.[name];
      if (labels) head.checkLabels?.(labels, batch.size);
    }
    checkLoss(this.parts.loss, model, {
      labels: Object.keys(batch.labels ?? {}),
      targets: Object.fromEntries(Object.entries(targets).map(([name, { shape }]) => [name, shape[1] ?? 1])),
    });
    optimizer.prepare();
    const hyper = tf.tensor2d(optimizer.hyper(factor), [parameters.length, 3]);
    const state = tf.tensor1d(Int32Array.of(seed, step, 0), 'int32');
    const kept: unknown[] = [hyper, state];
    try {
      const { result, rows, pairs } = await this.#compute(batch, targets, hyper, state, kept);
      const { scalars, names, updated } = result;
      const numbers = await scalars.data();
      scalars.dispose();
      const values = new Map(names.map((name, i) => [name, numbers[i]!]));
      const outcome = {
        loss: values.get('loss')!,
        gradNorm: values.get('gradNorm')!,
        towerGradNorms: withPrefix(values, 'gradNorm.'),
        parts: withPrefix(values, 'part.'),
        pairs,
        updated,
      };
      if (!Number.isFinite(outcome.loss) || !Number.isFinite(outcome.gradNorm)) {
        const nonFinite = firstNonFinite(this.parts, rows, state) ?? 'the sum of squared gradients';
        return { ...outcome, nonFinite };
      }
      optimizer.advance(updated);
      this.#constrainModel();
      return { ...outcome, nonFinite: undefined };
    } finally {
      disposeNested(kept);
    }
  }

  /** Frees what the backend compiled, and the optimizer's state. The model and the loss stay. */
  dispose(): void {
    this.optimizer.dispose();
    this.#whole?.dispose();
    this.#chunked?.dispose();
    this.#constrain?.dispose();
    this.#distributed?.dispose();
    this.#constrain = undefined;
    this.#distributed = undefined;
    this.#whole = undefined;
    this.#chunked = undefined;
  }

  /** Apart from the step: an optimizer that updates in place wants to be the last to touch its parameters. */
  #constrainModel(): void {
    const { model } = this.parts;
    if (!model.constrain) return;
    this.#constrain ??= compile((): [] => {
      model.constrain!();
      return [];
    });
    this.#constrain();
  }

  /**
   * The step, here or together with other ranks.
   *
   * @param kept what is to be disposed is put here
   */
  async #compute(
    batch: PairBatch,
    targets: Readonly<Record<string, HostRows>>,
    hyper: tf.Tensor2D,
    state: tf.Tensor1D,
    kept: unknown[],
  ): Promise<{ readonly result: StepResult; readonly rows: DeviceBatch; readonly pairs: number }> {
    const communicator = this.#communicator;
    if (!communicator) {
      const rows = trainingBatch(batch, targets, this.parts.equalCaptions);
      kept.push(rows);
      return { result: this.#stepFor(rows)(rows, hyper, state), rows, pairs: batch.size };
    }
    if (!this.#distributed) {
      await startAlike(communicator, [...this.parts.parameters, ...this.parts.buffers]);
      this.#distributed = distributedStep(this.parts, communicator, this.#chunkSize);
    }
    const share = await this.#distributed.share(batch, targets);
    kept.push(share.own, share.relations);
    const result = await this.#distributed.run(share, hyper, state);
    return { result, rows: { ...share.own, labels: {}, targets: {} }, pairs: share.pairs };
  }

  #stepFor({ pixels, inputIds }: DeviceBatch): TrainingStep {
    const rows = Math.max(pixels.shape[0], inputIds.shape[0]);
    if (this.#chunkSize !== undefined && this.#chunkSize < rows) {
      this.#chunked ??= chunkedStep(this.parts, this.#chunkSize);
      return this.#chunked;
    }
    this.#whole ??= wholeStep(this.parts);
    return this.#whole;
  }
}

function withPrefix(values: ReadonlyMap<string, number>, prefix: string): Record<string, number> {
  return Object.fromEntries(
    [...values].flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])),
  );
}
