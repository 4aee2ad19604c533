import type { PairBatch, TowerOutputs } from '@diptych/core';
import { type Compiled, compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { ChunkedStep } from './chunked-step.js';
import { type DeviceBatch, type HostRows, trainingBatch } from './device-batch.js';
import { firstNonFinite } from './diagnose.js';
import { type StepParts, type StepResultContainer, type WholeStep, wholeStep } from './training-step.js';

/** What a step gave, on the host. */
export interface StepOutcome {
  /** Positions of the parameters that had a gradient. */
  readonly updated: readonly number[];
  /** Loss, norms and parts by name, see `StepResult.names`. */
  readonly values: ReadonlyMap<string, number>;
  /** Where loss or gradients were not finite: the first tensor that was not. Nothing was changed then. */
  readonly nonFinite: string | undefined;
}

/** Runs compiled steps, whole or in chunks, and reads their numbers. */
export class StepRunner<Outputs extends TowerOutputs> {
  readonly #parts: StepParts<Outputs>;
  readonly #chunkSize: number | undefined;
  #whole: WholeStep | undefined;
  #chunked: ChunkedStep<Outputs> | undefined;
  #constrain: Compiled<[], []> | undefined;

  constructor(parts: StepParts<Outputs>, chunkSize: number | undefined) {
    this.#parts = parts;
    this.#chunkSize = chunkSize;
  }

  /**
   * One step on a batch.
   *
   * @param factor on the learning rates
   */
  async run(
    batch: PairBatch,
    targets: Readonly<Record<string, HostRows>>,
    factor: number,
    seedAndStep: readonly [number, number],
  ): Promise<StepOutcome> {
    const { optimizer, parameters } = this.#parts;
    optimizer.prepare();
    const hyper = tf.tensor2d(optimizer.hyper(factor), [parameters.length, 3]);
    const state = tf.tensor1d(Int32Array.of(...seedAndStep, 0), 'int32');
    const onDevice = trainingBatch(batch, targets);
    try {
      const { scalars, names, updated } = this.#step(onDevice, hyper, state, seedAndStep);
      const numbers = await scalars.data();
      scalars.dispose();
      const values = new Map(names.map((name, i) => [name, numbers[i]!]));
      if (Number.isFinite(values.get('loss')) && Number.isFinite(values.get('gradNorm'))) {
        optimizer.advance(updated);
        this.#constrainModel();
        return { values, updated, nonFinite: undefined };
      }
      const nonFinite = firstNonFinite(this.#parts, onDevice, state) ?? 'the sum of squared gradients';
      return { values, updated, nonFinite };
    } finally {
      tf.dispose([hyper, state, onDevice as unknown as tf.TensorContainer]);
    }
  }

  dispose(): void {
    this.#whole?.dispose();
    this.#chunked?.dispose();
    this.#constrain?.dispose();
    this.#constrain = undefined;
    this.#whole = undefined;
    this.#chunked = undefined;
  }

  /** Apart from the step: an optimizer that updates in place wants to be the last to touch its parameters. */
  #constrainModel(): void {
    const { model } = this.#parts;
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
  ): StepResultContainer {
    const rows = Math.max(batch.pixels.shape[0], batch.inputIds.shape[0]);
    if (this.#chunkSize !== undefined && this.#chunkSize < rows) {
      this.#chunked ??= new ChunkedStep(this.#parts, this.#chunkSize);
      return this.#chunked.run(batch, hyper, seedAndStep);
    }
    this.#whole ??= wholeStep(this.#parts);
    return this.#whole(batch, hyper, state);
  }
}
