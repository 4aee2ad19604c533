import type { Context, Encoded, TowerOutputs } from '@diptych/core';
import { tidyNested } from '@diptych/core/tfjs';
import { compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { type DeviceBatch, normalizedPixels, textOf } from '../../batches/device-batch.js';
import { lossOf } from './batch-loss.js';
import {
  asEncoded,
  type Chunk,
  chunksOf,
  concatEncoded,
  type EncodedGradient,
  rowsOf,
  sliceGradient,
  type TowerTensors,
  towerTensors,
} from './chunks.js';
import { differentiate } from './differentiate.js';
import { meanStatistics, type Statistics, withStatistics } from './running-statistics.js';
import type { StepParts } from './step-parts.js';
import { applyGradients, type TrainingStep } from './training-step.js';

/**
 * A step in little memory that equals the step on the whole batch: GradCache (Gao et al. 2021).
 *
 * 1. Both towers on one chunk after the other, keeping their outputs alone.
 * 2. The loss on all outputs, and its gradients with respect to them and to the parameters behind the towers.
 * 3. The towers once more, chunk by chunk, with these gradients at their outputs, summing up the parameters'.
 *
 * Dropout draws by the row's number in the whole batch, so passes 1 and 3 and the whole batch have the same masks. Batch
 * norm in training sees chunks instead of the batch, which no accumulation can mend; its running statistics move
 * once a step, by the mean over the chunks.
 */
export function chunkedStep<Outputs extends TowerOutputs>(parts: StepParts<Outputs>, chunkSize: number): TrainingStep {
  const sums = parts.parameters.map(([, variable]) => tf.tidy(() => tf.variable(tf.zeros(variable.shape), false)));
  const encode = compile((chunk: Chunk, state: tf.Tensor1D, sequences: boolean) =>
    encodeChunk(parts, chunk, state, sequences),
  );
  const relate = compile((pair: Encodings<TowerTensors>, batch: DeviceBatch, state: tf.Tensor1D) =>
    relateAll(parts, sums, pair, batch, state),
  );
  const accumulate = compile((chunk: Chunk, outer: Encodings<EncodedGradient>, state: tf.Tensor1D) =>
    accumulateChunk(parts, sums, chunk, outer, state),
  );
  const apply = compile((found: Accumulated, hyper: tf.Tensor2D) => {
    const gradients = sums.map((sum, i) => (found.connected.includes(i) ? sum : undefined));
    return applyGradients(parts, { ...found, gradients }, hyper);
  });
  // Whether the loss reads sequences shows when it first runs; from then on they are kept or not.
  let sequences = true;
  const run: (...args: Parameters<TrainingStep>) => ReturnType<TrainingStep> = (batch, hyper, state) =>
    tidyNested(() => {
      const chunks = chunksOf(batch, chunkSize).map(({ chunk, start, rows }) => {
        const offset = tf.tensor1d(Int32Array.of(0, 0, start), 'int32');
        return { chunk, start, rows, state: tf.add<tf.Tensor1D>(state, offset) };
      });
      const encoded = chunks.map(({ chunk, state }) => encode(chunk, state, sequences));
      const pair = {
        image: concatEncoded(encoded.flatMap(({ image }) => image ?? [])),
        text: concatEncoded(encoded.flatMap(({ text }) => text ?? [])),
      };
      const { loss, lossParts, connected, image, text } = relate(pair, batch, state);
      sequences = Boolean(image.sequence ?? text.sequence);
      const all = new Set(connected);
      for (const { chunk, start, state } of chunks) {
        const outer = {
          image: sliceGradient(image, start, rowsOf(chunk.images?.pixels)),
          text: sliceGradient(text, start, rowsOf(chunk.texts?.inputIds)),
        };
        for (const i of accumulate(chunk, outer, state)) all.add(i);
      }
      const statistics = meanStatistics(chunks.map(({ rows }, i) => ({ rows, statistics: encoded[i]!.statistics })));
      return apply({ loss, lossParts, connected: [...all].sort((a, b) => a - b), statistics }, hyper);
    });
  const dispose = () => {
    for (const compiled of [encode, relate, accumulate, apply]) compiled.dispose();
    tf.dispose(sums);
  };
  return Object.assign(run, { dispose });
}

/** Something of each tower. */
type Encodings<Of> = { readonly image: Of; readonly text: Of };

/** What the passes found; the gradients are in the sums. */
type Accumulated = {
  readonly loss: tf.Scalar;
  readonly lossParts: { readonly [name: string]: tf.Scalar };
  /** Positions of the parameters that have a gradient, in order. */
  readonly connected: readonly number[];
  readonly statistics: Statistics;
};

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

/** Pass 2. Starts the sums with the gradients of what comes behind the towers. */
function relateAll<Outputs extends TowerOutputs>(
  parts: StepParts<Outputs>,
  sums: readonly tf.Variable[],
  pair: Encodings<TowerTensors>,
  batch: DeviceBatch,
  state: tf.Tensor1D,
): Omit<Accumulated, 'statistics'> & Encodings<EncodedGradient> {
  const context: Context = { training: true, random: { state } };
  const towers = [pair.image, pair.text];
  const outputs = towers.flatMap(({ pooled, sequence }): tf.Tensor[] => (sequence ? [pooled, sequence] : [pooled]));
  const { loss, lossParts, gradients, ofTensors } = differentiate(
    parts,
    () => lossOf(parts, asEncoded(pair.image), asEncoded(pair.text), batch, context),
    outputs,
  );
  const connected: number[] = [];
  for (const [i, gradient] of gradients.entries()) {
    if (gradient) connected.push(i);
    sums[i]!.assign(gradient ?? tf.zeros(sums[i]!.shape));
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
