import {
  ConfigError,
  checkFields,
  checkList,
  checkMethods,
  checkOptions,
  type Encoded,
  inference,
  Matrix,
  type MatrixData,
  ShapeError,
} from '@diptych/core';
import type { PairScorer } from '@diptych/metrics';
import * as tf from '@tensorflow/tfjs-core';
import type { BatchSource } from '../batches/batch-source.js';
import { type DeviceBatch, normalizedPixels, textOf } from '../batches/device-batch.js';
import { checkModel, checkSource } from '../check-model.js';
import type { EmbeddingModel } from './embed.js';
import { fusedOutputs, type Relating } from './fused-outputs.js';
import { compiledFor, type HostTensor, runInOrder } from './run-in-order.js';

/** What one tower gave for many items, on the host: what a fusion reads when pairs are scored. */
export interface EncodedRows {
  /** [N, D], as the tower gave them: not scaled. */
  readonly pooled: MatrixData;
  /** [N, T, D]; may be left out where the model's fusion reads pooled vectors alone. */
  readonly sequence?: HostTensor;
  /** [N, T], 1 where the sequence holds a real token. Absent where all are. */
  readonly mask?: HostTensor;
}

/** Both towers' rows; they need not be as many. */
export interface EncodedItems {
  readonly image: EncodedRows;
  readonly text: EncodedRows;
}

/** Options of {@link scorePairs}. */
export interface ScoreOptions {
  /** Pairs that go through the fusion at once; default 1,024. */
  readonly batchSize?: number;
}

/**
 * The matcher's logits of any pairs of rows: image row `imageRows[p]` with text row `textRows[p]`; above 0 means that they belong
 * together. For `rerank` and `matchingAccuracy`: `(images, texts) => scorePairs(model, items, images, texts)`.
 *
 * @param items from {@link encodeItems}, or pooled vectors alone where the fusion reads no more
 * @throws ConfigError if the model has no fusion or no matcher, or its fusion reads sequences that `items` lacks
 * @throws ShapeError if a row is not there, or there are not as many image rows as text rows
 */
export async function scorePairs(
  model: Relating,
  items: EncodedItems,
  imageRows: ArrayLike<number>,
  textRows: ArrayLike<number>,
  options: ScoreOptions = {},
): Promise<Float32Array> {
  const where = 'train.scorePairs';
  checkMethods(where, model, ['fuse'], 'pass a MultiModalEncoder with a fusion');
  checkFields(where, 'items', items, ['image', 'text']);
  checkList(where, 'imageRows', imageRows);
  checkList(where, 'textRows', textRows);
  checkOptions(where, options, { batchSize: 'optional' });
  const { image, text } = items;
  const { batchSize = 1024 } = options;
  checkRows('image', imageRows, image);
  checkRows('text', textRows, text);
  if (imageRows.length !== textRows.length) {
    throw new ShapeError({
      where: 'train.scorePairs',
      expected: `as many text rows as image rows, ${imageRows.length}`,
      got: String(textRows.length),
    });
  }
  const score = compiledFor(model, 'score', (a: DeviceRows, b: DeviceRows) => {
    const outputs = fusedOutputs(model, asEncoded(a), asEncoded(b), 'train.scorePairs');
    return outputs.matchLogits(outputs.fuse().fused);
  });
  const logits = new Float32Array(imageRows.length);
  for (let begin = 0; begin < logits.length; begin += batchSize) {
    const count = Math.min(batchSize, logits.length - begin);
    // sizes in powers of two, so that few shapes are compiled
    const rows = Math.min(batchSize, 2 ** Math.ceil(Math.log2(count)));
    const onDevice = [
      gather(image, imageRows, begin, count, rows),
      gather(text, textRows, begin, count, rows),
    ] as const;
    const result = score(...onDevice);
    logits.set((await result.data()).subarray(0, count), begin);
    for (const tensor of [result, ...onDevice.flatMap((part) => Object.values(part))]) tensor?.dispose();
  }
  return logits;
}

/**
 * Runs both towers over a source and keeps on the host what the model's fusion reads of them, for {@link scorePairs}: pooled
 * vectors, and sequences only where the fusion looks at them.
 *
 * @throws ConfigError if the model has no fusion
 */
export async function encodeItems(
  model: EmbeddingModel & Relating,
  source: BatchSource,
): Promise<EncodedItems & { readonly ids: readonly string[] }> {
  checkModel('train.encodeItems: model', model);
  checkSource('train.encodeItems', source);
  const run = compiledFor(model, 'encode', (batch: DeviceBatch) => {
    const image = model.encodeImage(normalizedPixels(batch), inference);
    const text = model.encodeText(textOf(batch), inference);
    const read = new Set<string>();
    fusedOutputs(model, watched('image', image, read), watched('text', text, read), 'train.encodeItems').fuse();
    const rows: { [name: string]: tf.Tensor } = { 'image.pooled': image.pooled, 'text.pooled': text.pooled };
    for (const [tower, { sequence, mask }] of Object.entries({ image, text })) {
      if (!read.has(`${tower}.sequence`)) continue;
      rows[`${tower}.sequence`] = sequence;
      if (mask) rows[`${tower}.mask`] = mask;
    }
    return rows;
  });
  const ids: string[] = [];
  const blocks: Record<string, HostTensor>[] = [];
  for await (const { batch, values } of runInOrder(source, run)) {
    ids.push(...batch.ids);
    blocks.push(values!);
  }
  return { ids, image: joinRows(blocks, 'image'), text: joinRows(blocks, 'text') };
}

/** Scores of pairs of a source's rows, for `rerank` and `matchingAccuracy`. */
export function scorerOf(model: Relating, items: EncodedItems, options?: ScoreOptions): PairScorer {
  checkMethods('train.scorerOf', model, ['fuse'], 'pass a MultiModalEncoder with a fusion');
  checkFields('train.scorerOf', 'items', items, ['image', 'text']);
  return (imageRows, textRows) => scorePairs(model, items, imageRows, textRows, options);
}

/** {@link EncodedRows} on the device, as a compiled function takes them. */
type DeviceRows = { pooled: tf.Tensor2D; sequence: tf.Tensor3D | null; mask: tf.Tensor2D | null };

/** An encoder's output again; a fusion that reads a sequence which is not there hears why. */
function asEncoded({ pooled, sequence, mask }: DeviceRows): Encoded {
  return {
    pooled,
    mask: mask ?? undefined,
    get sequence() {
      if (sequence) return sequence;
      throw new ConfigError({
        where: 'train.scorePairs',
        problem: "the model's fusion reads sequences, and only pooled vectors were given",
        remedy: 'encode the items for it: scorePairs(model, await encodeItems(model, source), …)',
      });
    },
  };
}

/** The same output, noting what is read of it. */
function watched(tower: string, encoded: Encoded, read: Set<string>): Encoded {
  const part = <Name extends keyof Encoded>(name: Name): Encoded[Name] => {
    read.add(`${tower}.${name}`);
    return encoded[name];
  };
  return {
    get pooled() {
      return part('pooled');
    },
    get sequence() {
      return part('sequence');
    },
    get mask() {
      return part('mask');
    },
  };
}

/** Some rows, followed by copies of the first one up to `total`. */
function gather(rows: EncodedRows, order: ArrayLike<number>, begin: number, count: number, total: number): DeviceRows {
  const take = ({ data, shape }: HostTensor): Float32Array => {
    const size = data.length / shape[0]!;
    const out = new Float32Array(total * size);
    for (let i = 0; i < total; i++) {
      const row = order[begin + (i < count ? i : 0)]!;
      out.set(data.subarray(row * size, (row + 1) * size), i * size);
    }
    return out;
  };
  const { pooled, sequence, mask } = rows;
  return {
    pooled: tf.tensor2d(take(pooled), [total, pooled.shape[1]!]),
    sequence: sequence ? tf.tensor3d(take(sequence), [total, sequence.shape[1]!, sequence.shape[2]!]) : null,
    mask: mask ? tf.tensor2d(take(mask), [total, mask.shape[1]!]) : null,
  };
}

/** Rows of several blocks as one; sequences are filled up to the longest, where the mask says that nothing stands. */
export function joinRows(blocks: readonly Readonly<Record<string, HostTensor>>[], tower: string): EncodedRows {
  const named = (name: string) => blocks.flatMap((block) => block[`${tower}.${name}`] ?? []);
  const pooled = Matrix.concat(named('pooled').map(({ data, shape }) => new Matrix(data, [shape[0]!, shape[1]!])));
  const sequences = named('sequence');
  if (sequences.length === 0) return { pooled };
  const length = Math.max(...sequences.map(({ shape }) => shape[1]!));
  const ragged = sequences.some(({ shape }) => shape[1] !== length);
  const masks = blocks.map(
    (block, i) => block[`${tower}.mask`] ?? ones(sequences[i]!.shape[0]!, sequences[i]!.shape[1]!),
  );
  const masked = ragged || blocks.some((block) => block[`${tower}.mask`]);
  return {
    pooled,
    sequence: padded(sequences, length),
    ...(masked && { mask: padded(masks, length) }),
  };
}

function ones(rows: number, length: number): HostTensor {
  return { data: new Float32Array(rows * length).fill(1), shape: [rows, length] };
}

function padded(parts: readonly HostTensor[], length: number): HostTensor {
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const inner = parts[0]!.shape.slice(2);
  const size = inner.reduce((product, axis) => product * axis, 1);
  const data = new Float32Array(rows * length * size);
  let row = 0;
  for (const part of parts) {
    const own = part.shape[1]! * size;
    for (let i = 0; i < part.shape[0]!; i++, row++) {
      data.set(part.data.subarray(i * own, (i + 1) * own), row * length * size);
    }
  }
  return { data, shape: [rows, length, ...inner] };
}

function checkRows(tower: string, rows: ArrayLike<number>, { pooled }: EncodedRows): void {
  const wrong = Array.from(rows).find((row) => !(Number.isInteger(row) && row >= 0 && row < pooled.shape[0]));
  if (wrong === undefined) return;
  throw new ShapeError({
    where: 'train.scorePairs',
    expected: `${tower} rows from 0 to ${pooled.shape[0] - 1}`,
    got: String(wrong),
  });
}
