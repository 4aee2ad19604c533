import type { Context, Encoded, TowerOutputs } from '@diptych/core';
import { compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { normalizedPixels, textOf } from '../../batches/device-batch.js';
import { lossOf, type PairRelations } from './batch-loss.js';
import { asEncoded, type Chunk, type EncodedGradient, type TowerTensors, towerTensors } from './chunks.js';
import { differentiate } from './differentiate.js';
import { type Statistics, withStatistics } from './running-statistics.js';
import type { StepParts } from './step-parts.js';
import { applyGradients, type StepResult } from './training-step.js';

// The passes of a step that takes its batch through the towers in parts: in chunks (chunked-step.ts), or on several ranks
// (distributed/distributed-step.ts).

/** Something of each tower. */
export type Encodings<Of> = { readonly image: Of; readonly text: Of };

/** What the passes found; the gradients are in the sums. */
export type Accumulated = {
  readonly loss: tf.Scalar;
  readonly lossParts: { readonly [name: string]: tf.Scalar };
  /** Positions of the parameters that have a gradient, in order. */
  readonly connected: readonly number[];
  readonly statistics: Statistics;
};

/** The passes of a step, compiled, with the sums of gradients that they share. */
export interface TwoPasses {
  /** Of each parameter's gradient, in the order of the parameters. */
  readonly sums: readonly tf.Variable[];
  /** Pass 1. */
  encode(chunk: Chunk, state: tf.Tensor1D, sequences: boolean): ReturnType<typeof encodeChunk>;
  /** Pass 2. Starts the sums with the gradients of what comes behind the towers. */
  relate(pair: Encodings<TowerTensors>, relations: PairRelations, state: tf.Tensor1D): ReturnType<typeof relateAll>;
  /** Pass 3. Adds a chunk's gradients to the sums; gives the positions of the parameters that have some. */
  accumulate(chunk: Chunk, outer: Encodings<EncodedGradient>, state: tf.Tensor1D): number[];
  /** The update from the sums. */
  apply(found: Accumulated, hyper: tf.Tensor2D): StepResult;
  dispose(): void;
}

/** @param share see {@link relateAll} */
export function twoPasses<Outputs extends TowerOutputs>(parts: StepParts<Outputs>, share = 1): TwoPasses {
  const { precision } = parts;
  const sums = parts.parameters.map(([, variable]) => tf.tidy(() => tf.variable(tf.zeros(variable.shape), false)));
  const encode = compile(
    (chunk: Chunk, state: tf.Tensor1D, sequences: boolean) => encodeChunk(parts, chunk, state, sequences),
    { precision },
  );
  const relate = compile(
    (pair: Encodings<TowerTensors>, relations: PairRelations, state: tf.Tensor1D) =>
      relateAll(parts, sums, pair, relations, state, share),
    { precision },
  );
  const accumulate = compile(
    (chunk: Chunk, outer: Encodings<EncodedGradient>, state: tf.Tensor1D) =>
      accumulateChunk(parts, sums, chunk, outer, state),
    { precision },
  );
  const apply = compile((found: Accumulated, hyper: tf.Tensor2D) => {
    const gradients = sums.map((sum, i) => (found.connected.includes(i) ? sum : undefined));
    return applyGradients(parts, { ...found, gradients }, hyper);
  });
  const dispose = () => {
    for (const compiled of [encode, relate, accumulate, apply]) compiled.dispose();
    tf.dispose([...sums]);
  };
  return { sums, encode, relate, accumulate, apply, dispose };
}

/** Pass 1. */
function encodeChunk(
  { model, buffers }: Pick<StepParts, 'model' | 'buffers'>,
  chunk: Chunk,
  state: tf.Tensor1D,
  sequences: boolean,
): Encodings<TowerTensors | null> & { readonly statistics: Statistics } {
  const { result, statistics } = withStatistics(buffers, () => encodeRows(model, chunk, state));
  const { image, text } = result;
  return { image: image && towerTensors(image, sequences), text: text && towerTensors(text, sequences), statistics };
}

/**
 * Pass 2. Starts the sums with the gradients of what comes behind the towers.
 *
 * @param share of these gradients that goes into the sums: 1 / n where n ranks all compute the whole, and add up their sums
 */
function relateAll<Outputs extends TowerOutputs>(
  parts: StepParts<Outputs>,
  sums: readonly tf.Variable[],
  pair: Encodings<TowerTensors>,
  relations: PairRelations,
  state: tf.Tensor1D,
  share = 1,
): Omit<Accumulated, 'statistics'> & Encodings<EncodedGradient> {
  const context: Context = { training: true, random: { state } };
  const towers = [pair.image, pair.text];
  const outputs = towers.flatMap(({ pooled, sequence }): tf.Tensor[] => (sequence ? [pooled, sequence] : [pooled]));
  const { loss, lossParts, gradients, ofTensors } = differentiate(
    parts,
    () => lossOf(parts, asEncoded(pair.image), asEncoded(pair.text), relations, context),
    outputs,
  );
  const connected: number[] = [];
  for (const [i, gradient] of gradients.entries()) {
    if (gradient) connected.push(i);
    const part = gradient && (share === 1 ? gradient : tf.mul(gradient, share));
    sums[i]!.assign(part ?? tf.zeros(sums[i]!.shape));
  }
  const gradientOf = <Of extends tf.Tensor>(output: Of | null) =>
    ((output && ofTensors[outputs.indexOf(output)]) ?? null) as Of | null;
  const of = ({ pooled, sequence }: TowerTensors) => ({ pooled: gradientOf(pooled), sequence: gradientOf(sequence) });
  return { loss, lossParts, connected, image: of(pair.image), text: of(pair.text) };
}

/** Pass 3. Adds a chunk's gradients to the sums; returns the positions of the parameters that have some. */
function accumulateChunk(
  parts: Pick<StepParts, 'model' | 'parameters' | 'buffers' | 'recompute'>,
  sums: readonly tf.Variable[],
  chunk: Chunk,
  outer: Encodings<EncodedGradient>,
  state: tf.Tensor1D,
): number[] {
  const { result } = withStatistics(parts.buffers, () =>
    differentiate(parts, () => {
      const { image, text } = encodeRows(parts.model, chunk, state);
      const terms = [...products(image, outer.image), ...products(text, outer.text)];
      return { loss: terms.length > 0 ? tf.addN(terms) : tf.scalar(0), parts: {} };
    }),
  );
  return result.gradients.flatMap((gradient, i) => {
    if (!gradient) return [];
    sums[i]!.assign(tf.add(sums[i]!, gradient));
    return [i];
  });
}

function encodeRows(
  model: StepParts['model'],
  { images, texts }: Chunk,
  state: tf.Tensor1D,
): Encodings<Encoded | null> {
  const context: Context = { training: true, random: { state } };
  return {
    image: images && model.encodeImage(normalizedPixels(images), context),
    text: texts && model.encodeText(textOf(texts), context),
  };
}

/** Sums of outputs times their gradients: what backpropagation starts from. */
function products(output: Encoded | null, { pooled, sequence }: EncodedGradient): tf.Scalar[] {
  if (!output) return [];
  return [
    ...(pooled ? [tf.sum<tf.Scalar>(tf.mul(output.pooled, pooled))] : []),
    ...(sequence ? [tf.sum<tf.Scalar>(tf.mul(output.sequence, sequence))] : []),
  ];
}
