import type { Context, Encoded, TowerOutputs } from '@diptych/core';
import { tidyNested } from '@diptych/core/tfjs';
import { type Compiled, compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { type DeviceBatch, normalizedPixels } from './device-batch.js';
import { type DeviceTexts, lossOf, type StepParts, type StepResult, textOf, update } from './training-step.js';

/** A tower's output as a compiled function can give and take it. */
type TowerTensors = { pooled: tf.Tensor2D; sequence: tf.Tensor3D | null; mask: tf.Tensor2D | null };
type EncodedPair = { image: TowerTensors; text: TowerTensors };
/** Some rows of a batch; one side is null where it has fewer rows, counting negatives, than the other. */
type Chunk = { images: Pick<DeviceBatch, 'pixels' | 'normalize'> | null; texts: DeviceTexts | null };
type EncodedChunk = { image: TowerTensors | null; text: TowerTensors | null };
/** Gradients of the loss with respect to a tower's output; null where the loss does not use it. */
type EncodedGradient = { pooled: tf.Tensor2D | null; sequence: tf.Tensor3D | null };

/** Which outputs a loss looks at beside the pooled vectors. */
interface Uses {
  readonly sequences: boolean;
}

/**
 * A training step in little memory that equals the step on the whole batch: GradCache (Gao et al. 2021).
 *
 * 1. Both towers on one chunk after the other, keeping their outputs alone.
 * 2. The loss on all outputs, and its gradients with respect to them and to the parameters behind the towers.
 * 3. The towers once more, chunk by chunk, with these gradients at their outputs, summing up the parameters'.
 * 4. One update.
 *
 * Dropout draws by the row's number in the whole batch, so passes 1 and 3 and the whole batch have the same masks. Batch
 * norm in training sees chunks instead of the batch, which no accumulation can mend; its running statistics move
 * once a step, by the mean over the chunks.
 */
export class ChunkedStep<Outputs extends TowerOutputs> {
  readonly #parts: StepParts<Outputs>;
  readonly #chunkSize: number;
  readonly #sums: tf.Variable[];
  readonly #encode: Compiled<[chunk: Chunk, state: tf.Tensor1D, sequences: boolean], EncodeResult>;
  readonly #relate: Compiled<[pair: EncodedPair, batch: DeviceBatch, state: tf.Tensor1D], RelateResult>;
  readonly #accumulate: Compiled<
    [chunk: Chunk, image: EncodedGradient, text: EncodedGradient, state: tf.Tensor1D],
    { connected: number[] }
  >;
  readonly #apply: Compiled<
    [
      hyper: tf.Tensor2D,
      value: tf.Scalar,
      parts: Record<string, tf.Scalar>,
      connected: number[],
      statistics: Statistics,
    ],
    StepResult
  >;
  #uses: Uses = { sequences: true };

  constructor(parts: StepParts<Outputs>, chunkSize: number) {
    this.#parts = parts;
    this.#chunkSize = chunkSize;
    this.#sums = parts.parameters.map(([, variable]) => tf.tidy(() => tf.variable(tf.zeros(variable.shape), false)));
    this.#encode = compile((chunk, state, sequences) => encodeChunk(parts, chunk, state, sequences));
    this.#relate = compile((pair, batch, state) => this.#relateAll(pair, batch, state));
    this.#accumulate = compile((chunk, image, text, state) => this.#accumulateChunk(chunk, image, text, state));
    this.#apply = compile((hyper, value, lossParts, connected, statistics) => {
      const gradients = this.#sums.map((sum, i) => (connected.includes(i) ? sum : undefined));
      const { result, healthy } = update(parts, value, gradients, keepAll(lossParts), hyper);
      for (const [index, mean] of Object.entries(statistics)) {
        const [, buffer] = parts.buffers[Number(index)]!;
        buffer.assign(tf.where(healthy, mean, buffer));
      }
      return result;
    });
  }

  /** @param seedAndStep of the random stream; the row offset is each chunk's own */
  run(batch: DeviceBatch, hyper: tf.Tensor2D, [seed, step]: readonly [number, number]): StepResult {
    const [images, texts] = [batch.pixels.shape[0], batch.inputIds.shape[0]];
    const count = Math.ceil(Math.max(images, texts) / this.#chunkSize);
    const starts = Array.from({ length: count }, (_, i) => i * this.#chunkSize);
    return tidyNested(() => {
      const chunks = starts.map((start) => ({
        rows: chunkOf(batch, start, this.#chunkSize),
        state: tf.tensor1d(Int32Array.of(seed, step, start), 'int32'),
      }));
      const encoded = chunks.map(({ rows, state }) => this.#encode(rows, state, this.#uses.sequences));
      const pair = {
        image: concatEncoded(encoded.flatMap(({ image }) => image ?? [])),
        text: concatEncoded(encoded.flatMap(({ text }) => text ?? [])),
      };
      const whole = tf.tensor1d(Int32Array.of(seed, step, 0), 'int32');
      const related = this.#relate(pair, batch, whole);
      this.#uses = { sequences: Boolean(related.image.sequence ?? related.text.sequence) };
      const connected = new Set(related.connected);
      for (const [i, { rows, state }] of chunks.entries()) {
        const image = sliceGradient(related.image, starts[i]!, rowsOf(rows.images?.pixels));
        const text = sliceGradient(related.text, starts[i]!, rowsOf(rows.texts?.inputIds));
        for (const index of this.#accumulate(rows, image, text, state).connected) connected.add(index);
      }
      const statistics = meanStatistics(
        encoded.map(({ statistics }) => statistics),
        chunks.map(({ rows }) => Math.max(rowsOf(rows.images?.pixels), rowsOf(rows.texts?.inputIds))),
      );
      const { value, parts } = related;
      return this.#apply(
        hyper,
        value,
        parts,
        [...connected].sort((a, b) => a - b),
        statistics,
      );
    });
  }

  dispose(): void {
    for (const compiled of [this.#encode, this.#relate, this.#accumulate, this.#apply]) compiled.dispose();
    tf.dispose(this.#sums);
  }

  #relateAll(pair: EncodedPair, batch: DeviceBatch, state: tf.Tensor1D): RelateResult {
    const { parameters } = this.#parts;
    const context: Context = { training: true, random: { state } };
    const leaves = [pair.image.pooled, pair.image.sequence, pair.text.pooled, pair.text.sequence];
    const present = leaves.filter((leaf): leaf is tf.Tensor2D | tf.Tensor3D => leaf !== null);
    const training = parameters.map(([, variable]) => variable).filter((variable) => variable.trainable);
    let parts: Record<string, tf.Scalar> = {};
    const { value, grads } = tf.engine().gradients(
      () => {
        const output = lossOf(this.#parts, asOutput(pair.image), asOutput(pair.text), batch, context);
        parts = keepAll(output.parts);
        return output.loss;
      },
      [...present, ...training],
      undefined,
      true,
    ) as { value: tf.Scalar; grads: (tf.Tensor | null)[] };
    const gradientOf = new Map<tf.Tensor, tf.Tensor | null>(
      [...present, ...training].map((tensor, i) => [tensor, grads[i] ?? null]),
    );
    const connected: number[] = [];
    for (const [i, [, variable]] of parameters.entries()) {
      const gradient = gradientOf.get(variable);
      if (gradient) connected.push(i);
      this.#sums[i]!.assign(gradient ?? tf.zeros(variable.shape));
    }
    const of = ({ pooled, sequence }: TowerTensors): EncodedGradient => ({
      pooled: (gradientOf.get(pooled) ?? null) as tf.Tensor2D | null,
      sequence: sequence && ((gradientOf.get(sequence) ?? null) as tf.Tensor3D | null),
    });
    const copied = Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, tf.clone(part)]));
    for (const part of Object.values(parts)) part.dispose();
    return { value, parts: copied, connected, image: of(pair.image), text: of(pair.text) };
  }

  #accumulateChunk(chunk: Chunk, image: EncodedGradient, text: EncodedGradient, state: tf.Tensor1D) {
    const { recompute } = this.#parts;
    const accumulate = () => this.#differentiateChunk(chunk, image, text, state);
    return recompute ? recompute.around(accumulate) : accumulate();
  }

  #differentiateChunk(chunk: Chunk, image: EncodedGradient, text: EncodedGradient, state: tf.Tensor1D) {
    const { model, parameters, buffers } = this.#parts;
    const before = buffers.map(([, buffer]) => tf.clone(buffer));
    const training = parameters.map(([, variable]) => variable).filter((variable) => variable.trainable);
    const { grads } = tf.engine().gradients(
      () => {
        const encoded = encodeRows(model, chunk, { training: true, random: { state } });
        const terms = [...products(encoded.image, image), ...products(encoded.text, text)];
        return terms.length > 0 ? tf.addN(terms) : tf.scalar(0);
      },
      training,
      undefined,
      true,
    ) as { grads: (tf.Tensor | null)[] };
    for (const [i, [, buffer]] of buffers.entries()) if (buffer.dataId !== before[i]!.dataId) buffer.assign(before[i]!);
    const gradientOf = new Map(training.map((variable, i) => [variable, grads[i]]));
    const connected = parameters.flatMap(([, variable], i) => {
      const gradient = gradientOf.get(variable);
      if (!gradient) return [];
      this.#sums[i]!.assign(tf.add(this.#sums[i]!, gradient));
      return [i];
    });
    return { connected };
  }
}

/** New values of the running statistics that moved, by position among the buffers. */
type Statistics = Record<string, tf.Tensor>;
type EncodeResult = EncodedChunk & { statistics: Statistics };
type RelateResult = {
  value: tf.Scalar;
  parts: Record<string, tf.Scalar>;
  connected: number[];
  image: EncodedGradient;
  text: EncodedGradient;
};

function encodeChunk(
  { model, buffers }: Pick<StepParts, 'model' | 'buffers'>,
  chunk: Chunk,
  state: tf.Tensor1D,
  sequences: boolean,
): EncodeResult {
  const before = buffers.map(([, buffer]) => tf.clone(buffer));
  const { image, text } = encodeRows(model, chunk, { training: true, random: { state } });
  const statistics: Statistics = {};
  for (const [i, [, buffer]] of buffers.entries()) {
    if (buffer.dataId === before[i]!.dataId) continue;
    statistics[i] = tf.clone(buffer);
    buffer.assign(before[i]!);
  }
  const kept = (output: Encoded | null): TowerTensors | null =>
    output && { pooled: output.pooled, sequence: sequences ? output.sequence : null, mask: output.mask ?? null };
  return { image: kept(image), text: kept(text), statistics };
}

function encodeRows(
  model: StepParts['model'],
  { images, texts }: Chunk,
  context: Context,
): { image: Encoded | null; text: Encoded | null } {
  return {
    image: images && model.encodeImage(normalizedPixels(images), context),
    text: texts && model.encodeText(textOf(texts), context),
  };
}

/** An encoder's output again. A loss that reads a sequence which was left out gets an error from tfjs at once. */
function asOutput({ pooled, sequence, mask }: TowerTensors): Encoded {
  return { pooled, sequence: sequence as tf.Tensor3D, mask: mask ?? undefined };
}

/** Sums of outputs times their gradients: what backpropagation starts from. */
function products(output: Encoded | null, gradient: EncodedGradient): tf.Scalar[] {
  const terms: tf.Scalar[] = [];
  if (!output) return terms;
  if (gradient.pooled) terms.push(tf.sum(tf.mul(output.pooled, gradient.pooled)));
  if (gradient.sequence) terms.push(tf.sum(tf.mul(output.sequence, gradient.sequence)));
  return terms;
}

function keepAll(parts: Readonly<Record<string, tf.Scalar>>): Record<string, tf.Scalar> {
  return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, tf.keep(tf.clone(part))]));
}

function concatEncoded(chunks: readonly TowerTensors[]): TowerTensors {
  const all = <T extends tf.Tensor>(parts: readonly (T | null)[]): T | null =>
    parts.every((part): part is T => part !== null) ? (tf.concat([...parts] as tf.Tensor[], 0) as T) : null;
  return {
    pooled: all(chunks.map(({ pooled }) => pooled))!,
    sequence: all(chunks.map(({ sequence }) => sequence)),
    mask: all(chunks.map(({ mask }) => mask)),
  };
}

function sliceRows<T extends tf.Tensor>(x: T, start: number, size: number): T {
  const rest = x.shape.slice(1);
  return tf.slice(x, [start, ...rest.map(() => 0)], [size, ...rest]) as T;
}

function rowsOf(x: tf.Tensor | undefined): number {
  return x?.shape[0] ?? 0;
}

function chunkOf(batch: DeviceBatch, start: number, size: number): Chunk {
  const cut = <T extends tf.Tensor>(x: T): T => sliceRows(x, start, Math.min(size, x.shape[0]! - start));
  const { pixels, normalize, inputIds, attentionMask, tokenTypeIds, textFeatures } = batch;
  return {
    images: start < pixels.shape[0] ? { pixels: cut(pixels), normalize } : null,
    texts:
      start < inputIds.shape[0]
        ? {
            inputIds: cut(inputIds),
            attentionMask: cut(attentionMask),
            tokenTypeIds: tokenTypeIds && cut(tokenTypeIds),
            textFeatures: textFeatures && cut(textFeatures),
          }
        : null,
  };
}

function sliceGradient({ pooled, sequence }: EncodedGradient, start: number, size: number): EncodedGradient {
  if (size === 0) return { pooled: null, sequence: null };
  return { pooled: pooled && sliceRows(pooled, start, size), sequence: sequence && sliceRows(sequence, start, size) };
}

/** Mean over the chunks whose rows moved them, weighted by their sizes. */
function meanStatistics(chunks: readonly Statistics[], sizes: readonly number[]): Statistics {
  return Object.fromEntries(
    Object.keys(chunks[0] ?? {}).map((index) => {
      const moved = chunks.flatMap(({ [index]: value }, i) => (value ? [{ value, size: sizes[i]! }] : []));
      const total = moved.reduce((sum, { size }) => sum + size, 0);
      return [index, tf.addN(moved.map(({ value, size }) => tf.mul(value, size / total)))];
    }),
  );
}
