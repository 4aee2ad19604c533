import {
  buffersOf,
  ConfigError,
  checkMethods,
  type Loss,
  type Optimizer,
  type PairBatch,
  parametersOf,
  type TowerOutputs,
} from '@diptych/core';
import { disposeNested } from '@diptych/core/tfjs';
import { type Compiled, compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { AdamW } from '../optimizers/adamw.js';
import type { TrainableModel } from '../trainable-model.js';
import { checkLoss } from './check-loss.js';
import { ChunkedStep } from './chunked-step.js';
import { type DeviceBatch, type HostRows, trainingBatch } from './device-batch.js';
import { firstNonFinite } from './diagnose.js';
import type { TrainerOptions } from './options.js';
import { Recomputation } from './recompute.js';
import { type StepParts, type StepResult, type WholeStep, wholeStep } from './training-step.js';

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
  /** Pairs with equal captions are positives of each other. Default true. */
  readonly equalCaptions?: boolean;
}

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

/** What a step gave, on the host. */
export interface StepOutcome {
  readonly loss: number;
  /** Global norm of the gradients before clipping. */
  readonly gradNorm: number;
  /** The same for each tower. */
  readonly towerGradNorms: Readonly<Record<string, number>>;
  /** Named parts of the loss. */
  readonly parts: Readonly<Record<string, number>>;
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
  #whole: WholeStep | undefined;
  #chunked: ChunkedStep<Outputs> | undefined;
  #constrain: Compiled<[], []> | undefined;

  /** @throws ConfigError if the model lacks what the loss reads, or a group of the optimizer chooses nothing */
  constructor(options: StepRunnerOptions<Outputs>) {
    const { model, loss, optimizer = new AdamW(), clipNorm = Number.POSITIVE_INFINITY, chunkSize, recompute } = options;
    const { equalCaptions } = options;
    if (chunkSize !== undefined && !(Number.isInteger(chunkSize) && chunkSize > 0)) {
      throw new ConfigError({ where: 'train.Trainer', expected: 'a whole chunkSize above 0', got: String(chunkSize) });
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
      recompute: recompute === undefined ? undefined : new Recomputation(model, recompute),
    };
    this.#chunkSize = chunkSize;
  }

  /** One step on a batch. A step whose loss or gradients are not finite changes nothing. */
  async run(batch: PairBatch, { step, seed = 0, factor = 1, targets = {} }: StepPosition): Promise<StepOutcome> {
    const { optimizer, parameters } = this.parts;
    optimizer.prepare();
    const hyper = tf.tensor2d(optimizer.hyper(factor), [parameters.length, 3]);
    const state = tf.tensor1d(Int32Array.of(seed, step, 0), 'int32');
    const onDevice = trainingBatch(batch, targets, this.parts.equalCaptions);
    try {
      const { scalars, names, updated } = this.#step(onDevice, hyper, state, [seed, step]);
      const numbers = await scalars.data();
      scalars.dispose();
      const values = new Map(names.map((name, i) => [name, numbers[i]!]));
      const outcome = {
        loss: values.get('loss')!,
        gradNorm: values.get('gradNorm')!,
        towerGradNorms: withPrefix(values, 'gradNorm.'),
        parts: withPrefix(values, 'part.'),
        updated,
      };
      if (!Number.isFinite(outcome.loss) || !Number.isFinite(outcome.gradNorm)) {
        const nonFinite = firstNonFinite(this.parts, onDevice, state) ?? 'the sum of squared gradients';
        return { ...outcome, nonFinite };
      }
      optimizer.advance(updated);
      this.#constrainModel();
      return { ...outcome, nonFinite: undefined };
    } finally {
      disposeNested([hyper, state, onDevice]);
    }
  }

  /** Frees what the backend compiled, and the optimizer's state. The model and the loss stay. */
  dispose(): void {
    this.optimizer.dispose();
    this.#whole?.dispose();
    this.#chunked?.dispose();
    this.#constrain?.dispose();
    this.#constrain = undefined;
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

  #step(
    batch: DeviceBatch,
    hyper: tf.Tensor2D,
    state: tf.Tensor1D,
    seedAndStep: readonly [number, number],
  ): StepResult {
    const rows = Math.max(batch.pixels.shape[0], batch.inputIds.shape[0]);
    if (this.#chunkSize !== undefined && this.#chunkSize < rows) {
      this.#chunked ??= new ChunkedStep(this.parts, this.#chunkSize);
      return this.#chunked.run(batch, hyper, seedAndStep);
    }
    this.#whole ??= wholeStep(this.parts);
    return this.#whole(batch, hyper, state);
  }
}

function withPrefix(values: ReadonlyMap<string, number>, prefix: string): Record<string, number> {
  return Object.fromEntries(
    [...values].flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])),
  );
}
