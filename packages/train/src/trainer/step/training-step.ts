import type { Compiled } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import type { DeviceBatch } from '../../batches/device-batch.js';
import { clipGradients, normOf } from '../../optimizers/clip-gradients.js';
import { towerOf } from '../../tower-of.js';
import type { LossGradients } from './differentiate.js';
import type { Statistics } from './running-statistics.js';
import type { StepParts } from './step-parts.js';

// A step is gradients, clipping, update, running statistics, and the numbers of the log. How a batch becomes gradients is all in
// which two steps differ (whole-step.ts, chunked-step.ts); the rest is here.

/**
 * A training step on a batch, compiled where the backend can: rates and step counts come in through `hyper` [n, 3], randomness
 * through `state`, int32 [3].
 */
export type TrainingStep = Compiled<[batch: DeviceBatch, hyper: tf.Tensor2D, state: tf.Tensor1D], StepResult>;

/** What a batch asks of parameters and buffers. */
export interface BatchGradients extends LossGradients {
  readonly statistics: Statistics;
}

/** Numbers of a step that the host reads, all in one tensor, and what they are. */
export interface StepResult {
  /** [names.length]. */
  readonly scalars: tf.Tensor1D;
  /** `loss`, `gradNorm`, `gradNorm.<tower>`, `part.<name>`. */
  readonly names: string[];
  /** Positions of the parameters that had a gradient. */
  readonly updated: number[];
}

/**
 * Clips gradients, updates parameters and running statistics, and collects what the log wants to know. Runs inside a compiled
 * function and reads nothing.
 *
 * Where loss or gradients are not finite, nothing changes: neither parameters nor moments nor running statistics.
 */
export function applyGradients(
  { optimizer, parameters, buffers, clipNorm }: Pick<StepParts, 'optimizer' | 'parameters' | 'buffers' | 'clipNorm'>,
  { loss, lossParts, gradients, statistics }: BatchGradients,
  hyper: tf.Tensor2D,
): StepResult {
  const clipped = clipGradients(gradients, clipNorm);
  const healthy: tf.Scalar = tf.logicalAnd(clipped.healthy, tf.isFinite(tf.reshape(loss, [])));
  const updated = optimizer.apply(hyper, clipped.gradients, healthy);
  for (const [i, moved] of Object.entries(statistics)) {
    const [, buffer] = buffers[Number(i)]!;
    buffer.assign(tf.where(healthy, moved, buffer));
  }
  const names = parameters.flatMap(([name], i) => (gradients[i] ? [name] : []));
  const numbers: [string, tf.Tensor][] = [
    ['loss', loss],
    ['gradNorm', clipped.norm],
    ...towerNorms(names, clipped.squares),
    ...Object.entries(lossParts).map(([name, part]): [string, tf.Tensor] => [`part.${name}`, part]),
  ];
  const scalars = tf.stack(numbers.map(([, number]) => tf.reshape(number, []))) as tf.Tensor1D;
  return { scalars, names: numbers.map(([name]) => name), updated };
}

/** L2 norm of each tower's gradients, before clipping; `squares` has a row for each name. */
function towerNorms(names: readonly string[], squares: tf.Tensor1D): [string, tf.Tensor][] {
  const rows = new Map<string, number[]>();
  for (const [row, name] of names.entries()) {
    const tower = towerOf(name);
    rows.set(tower, [...(rows.get(tower) ?? []), row]);
  }
  return [...rows].map(([tower, members]) => [`gradNorm.${tower}`, normOf(tf.gather(squares, members))]);
}
