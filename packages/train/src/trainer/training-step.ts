import {
  type Context,
  checkLossOutput,
  type Encoded,
  type Loss,
  type LossBatch,
  type LossValues,
  type Optimizer,
  type TextInput,
  type TowerOutputs,
} from '@diptych/core';
import { type Compiled, compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { firstRows } from '../gather-rows.js';
import { clipGradients, normOf } from '../optimizers/clip-gradients.js';
import { towerOf } from '../tower-of.js';
import type { TrainableModel } from '../trainable-model.js';
import { type DeviceBatch, normalizedPixels } from './device-batch.js';
import type { Recomputation } from './recompute.js';

/** What a step acts on. */
export interface StepParts<Outputs extends TowerOutputs = TowerOutputs> {
  readonly model: TrainableModel<Outputs>;
  readonly loss: Loss<Outputs>;
  readonly optimizer: Optimizer;
  /** Everything that may train, by name, in the order in which the optimizer is bound to it. */
  readonly parameters: readonly (readonly [string, tf.Variable])[];
  readonly buffers: readonly (readonly [string, tf.Variable])[];
  /** Largest global gradient norm; Infinity clips nothing. */
  readonly clipNorm: number;
  /** Rows with equal captions are positives of each other. Default true. */
  readonly equalCaptions?: boolean | undefined;
  /** Blocks that are computed again for the gradients. */
  readonly recompute?: Recomputation;
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

/** A training step that takes the whole batch at once. */
export type WholeStep = Compiled<[batch: DeviceBatch, hyper: tf.Tensor2D, state: tf.Tensor1D], StepResult>;

/**
 * One compiled function: forward, loss, gradients, clipping, update. Nothing is read inside; rates and step
 * counts come in through `hyper` [n, 3], randomness through `state` int32 [3].
 *
 * Gradients that are not finite change nothing: neither parameters nor moments nor running statistics.
 */
export function wholeStep<Outputs extends TowerOutputs>(parts: StepParts<Outputs>): WholeStep {
  return compile((batch: DeviceBatch, hyper: tf.Tensor2D, state: tf.Tensor1D): StepResult => {
    const context: Context = { training: true, random: { state } };
    const before = parts.buffers.map(([, buffer]) => tf.clone(buffer));
    const { value, lossParts, gradients } = lossAndGradients(parts, () => {
      const { image, text } = encodeBoth(parts.model, batch, context);
      return lossOf(parts, image, text, batch, context);
    });
    const { result, healthy } = update(parts, value, gradients, lossParts, hyper);
    restoreUnless(healthy, parts.buffers, before);
    return result;
  });
}

/** Both towers on one batch. */
export function encodeBoth(model: TrainableModel, batch: DeviceBatch, context: Context) {
  return {
    image: model.encodeImage(normalizedPixels(batch), context),
    text: model.encodeText(textOf(batch), context),
  };
}

/** The text part of a batch. */
export type DeviceTexts = Pick<DeviceBatch, 'inputIds' | 'attentionMask' | 'tokenTypeIds' | 'textFeatures'>;

/** The text part of a batch, as encoders take it. */
export function textOf({ inputIds, attentionMask, tokenTypeIds, textFeatures }: DeviceTexts): TextInput {
  return {
    inputIds,
    attentionMask,
    ...(tokenTypeIds && { tokenTypeIds }),
    ...(textFeatures && { features: textFeatures }),
  };
}

/**
 * The loss from what the towers gave for all rows.
 *
 * @param image of the pairs, then of the negatives
 * @param text the same
 */
export function lossOf<Outputs extends TowerOutputs>(
  { model, loss }: Pick<StepParts<Outputs>, 'model' | 'loss'>,
  image: Encoded,
  text: Encoded,
  { positives, labels, targets, negatives: numbers }: DeviceBatch,
  context: Context,
): LossValues {
  const size = positives.shape[0];
  const negatives = (numbers.image ?? numbers.text) && {
    ...(numbers.image && { image: { pooled: lastRows(image.pooled, size), ids: numbers.image } }),
    ...(numbers.text && { text: { pooled: lastRows(text.pooled, size), ids: numbers.text } }),
  };
  const outputs = model.relate(
    numbers.image ? firstRows(image, size) : image,
    numbers.text ? firstRows(text, size) : text,
    context,
  );
  const batch: LossBatch = { size, positives, labels, targets, ...(negatives && { negatives }) };
  return checkLossOutput('train.Trainer: loss', loss.compute(outputs, batch, context));
}

function lastRows(rows: tf.Tensor2D, start: number): tf.Tensor2D {
  return tf.slice(rows, [start, 0], [rows.shape[0] - start, -1]);
}

/** Value and gradients of a loss. */
export interface LossAndGradients {
  readonly value: tf.Scalar;
  readonly lossParts: { readonly [name: string]: tf.Scalar };
  /** By position among the parameters; undefined where the loss does not depend on one, or it is frozen. */
  readonly gradients: (tf.Tensor | undefined)[];
}

/** Runs the loss and its gradients with respect to every parameter that trains now. */
export function lossAndGradients(
  parts: Pick<StepParts, 'parameters' | 'recompute'>,
  run: () => LossValues,
): LossAndGradients {
  return parts.recompute ? parts.recompute.around(() => differentiate(parts, run)) : differentiate(parts, run);
}

function differentiate(parts: Pick<StepParts, 'parameters'>, run: () => LossValues): LossAndGradients {
  const training = parts.parameters.map(([, variable]) => variable).filter((variable) => variable.trainable);
  let lossParts: { readonly [name: string]: tf.Scalar } = {};
  const { value, grads } = tf.variableGrads(() => {
    const output = run();
    // copies, kept: variableGrads frees everything but the loss
    lossParts = Object.fromEntries(Object.entries(output.parts).map(([name, part]) => [name, tf.keep(tf.clone(part))]));
    return output.loss;
  }, training);
  return { value, lossParts, gradients: parts.parameters.map(([, variable]) => grads[variable.name] ?? undefined) };
}

/**
 * Applies the gradients and collects what the log wants to know.
 *
 * @returns beside the result a bool scalar: whether loss and gradients are finite; where they are not, nothing was updated
 */
export function update(
  { optimizer, parameters, clipNorm }: Pick<StepParts, 'optimizer' | 'parameters' | 'clipNorm'>,
  value: tf.Scalar,
  gradients: readonly (tf.Tensor | undefined)[],
  lossParts: { readonly [name: string]: tf.Scalar },
  hyper: tf.Tensor2D,
): { result: StepResult; healthy: tf.Scalar } {
  const clipped = clipGradients(gradients, clipNorm);
  const { squares, norm } = clipped;
  const healthy: tf.Scalar = tf.logicalAnd(clipped.healthy, tf.isFinite(tf.reshape(value, [])));
  const updated = optimizer.apply(hyper, clipped.gradients, healthy);
  const names = parameters.flatMap(([name], i) => (gradients[i] ? [name] : []));
  const named: [string, tf.Tensor][] = [
    ['loss', value],
    ['gradNorm', norm],
    ...towerNorms(names, squares),
    ...Object.entries(lossParts).map(([name, part]): [string, tf.Tensor] => [`part.${name}`, part]),
  ];
  const scalars = tf.stack(named.map(([, scalar]) => tf.reshape(scalar, []))) as tf.Tensor1D;
  for (const part of Object.values(lossParts)) part.dispose();
  return { result: { scalars, names: named.map(([name]) => name), updated }, healthy };
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

/** Puts buffers back where the step went bad. */
export function restoreUnless(
  healthy: tf.Tensor,
  buffers: readonly (readonly [string, tf.Variable])[],
  before: readonly tf.Tensor[],
): void {
  for (const [i, [, buffer]] of buffers.entries()) {
    if (buffer.dataId === before[i]!.dataId) continue;
    buffer.assign(tf.where(healthy, buffer, before[i]!));
  }
}
