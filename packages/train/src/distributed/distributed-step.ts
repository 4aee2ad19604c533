import type { Communicator, PairBatch, TowerOutputs } from '@diptych/core';
import { disposeNested, tidyNested } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import type { DeviceBatch, HostRows } from '../batches/device-batch.js';
import {
  type Chunk,
  chunkOf,
  concatEncoded,
  type EncodedGradient,
  sliceGradient,
  type TowerTensors,
} from '../trainer/step/chunks.js';
import { meanStatistics, type Statistics } from '../trainer/step/running-statistics.js';
import type { StepParts } from '../trainer/step/step-parts.js';
import type { StepResult } from '../trainer/step/training-step.js';
import { type Encodings, twoPasses } from '../trainer/step/two-passes.js';
import { type GlobalBatch, globalBatch, type RowRange, type TowerRows } from './global-batch.js';
import { GradientBuckets } from './gradient-buckets.js';

/** A rank's part of a step. */
export interface DistributedStep {
  /** The same on every rank. */
  run(share: GlobalBatch, hyper: tf.Tensor2D, state: tf.Tensor1D): Promise<StepResult>;
  /** Puts a rank's share of a batch on the device, and tells it of the others'. The caller disposes it. */
  share(batch: PairBatch, targets: Readonly<Record<string, HostRows>>): Promise<GlobalBatch>;
  dispose(): void;
}

/**
 * A step on a batch whose rows are spread over ranks. It equals the step of one process on the whole batch:
 *
 * 1. Each rank takes its rows through the towers, in chunks where asked, and keeps the outputs alone.
 * 2. Outputs are gathered; every rank computes the loss over all pairs, with the negatives of all ranks, and its gradients with
 *    respect to the outputs.
 * 3. Each rank takes its rows through the towers once more with the gradients at its outputs. The sums of the text tower's
 *    gradients travel while the image tower's are computed.
 * 4. Every rank makes the same update.
 *
 * Dropout draws by the row's number in the whole batch. Batch norm in training sees a rank's rows; its running statistics move by
 * the mean over ranks.
 */
export function distributedStep<Outputs extends TowerOutputs>(
  parts: StepParts<Outputs>,
  communicator: Communicator,
  chunkSize = Number.POSITIVE_INFINITY,
): DistributedStep {
  const buckets = new GradientBuckets(communicator);
  const { sums, encode, relate, accumulate, apply, dispose } = twoPasses(parts, 1 / communicator.size);
  // Whether the loss reads sequences, and which parameters the image tower has, shows when the step first runs.
  let sequences = true;
  let ofImages: ReadonlySet<number> | undefined;

  /** Gradients of one tower's rows, added to the sums. */
  const backward = (chunks: readonly TowerChunk[], tower: keyof Encodings<unknown>, outer: EncodedGradient) => {
    const found = new Set<number>();
    for (const { chunk, state, start, rows } of chunks) {
      const none: EncodedGradient = { pooled: null, sequence: null };
      tidyNested(() => {
        const here = sliceGradient(outer, start, rows);
        const gradients = tower === 'image' ? { image: here, text: none } : { image: none, text: here };
        for (const i of accumulate(chunk, gradients, state)) found.add(i);
        return [];
      });
    }
    return found;
  };

  const run = async (share: GlobalBatch, hyper: tf.Tensor2D, state: tf.Tensor1D): Promise<StepResult> => {
    const images = chunksOfTower(share.own, share.image.ranges, 'image', chunkSize, state);
    const texts = chunksOfTower(share.own, share.text.ranges, 'text', chunkSize, state);
    const kept: unknown[] = [images, texts];
    try {
      const encoded = tidyNested(() => {
        const outputs = (chunks: readonly TowerChunk[]) =>
          chunks.map(({ chunk, state: at, rows }) => ({ ...encode(chunk, at, sequences), rows }));
        const [ofImage, ofText] = [outputs(images), outputs(texts)];
        return {
          image: concatEncoded(ofImage.flatMap(({ image }) => image ?? [])),
          text: concatEncoded(ofText.flatMap(({ text }) => text ?? [])),
          statistics: meanStatistics([...ofImage, ...ofText]),
        };
      });
      kept.push(encoded);
      const image = await gatherRows(communicator, encoded.image, share.image);
      kept.push(image);
      const text = await gatherRows(communicator, encoded.text, share.text);
      kept.push(text);
      const statistics = await meanOverRanks(communicator, encoded.statistics);
      kept.push(statistics);
      const related = relate({ image, text }, share.relations, state);
      kept.push(related);
      sequences = Boolean(related.image.sequence ?? related.text.sequence);
      const outer = tidyNested(() => ({
        image: ownRows(related.image, share.image),
        text: ownRows(related.text, share.text),
      }));
      kept.push(outer);

      const ofText = backward(texts, 'text', outer.text);
      const early = ofImages ? [...ofText].filter((i) => !ofImages!.has(i)) : [];
      await buckets.begin(early.map((i) => sums[i]!));
      const ofImage = backward(images, 'image', outer.image);
      ofImages = ofImage;
      const connected = [...new Set([...related.connected, ...ofText, ...ofImage])].sort((a, b) => a - b);
      await buckets.begin(connected.filter((i) => !early.includes(i)).map((i) => sums[i]!));
      await buckets.finish();
      const { loss, lossParts } = related;
      return apply({ loss, lossParts, connected, statistics }, hyper);
    } finally {
      disposeNested(kept);
    }
  };
  return {
    run,
    share: (batch, targets) => globalBatch(communicator, batch, targets, parts.equalCaptions ?? true),
    dispose,
  };
}

/** Some of a rank's rows of one tower. */
interface TowerChunk {
  readonly chunk: Chunk;
  /** Random state, with the number of the first row in the whole batch. */
  readonly state: tf.Tensor1D;
  /** Its first row among the rank's. */
  readonly start: number;
  readonly rows: number;
}

function chunksOfTower(
  own: DeviceBatch,
  ranges: readonly RowRange[],
  tower: keyof Encodings<unknown>,
  chunkSize: number,
  state: tf.Tensor1D,
): TowerChunk[] {
  return ranges.flatMap(({ start, rows, first }) =>
    Array.from({ length: Math.ceil(rows / Math.min(chunkSize, rows)) }, (_, i): TowerChunk => {
      const from = start + i * Math.min(chunkSize, rows);
      const count = Math.min(chunkSize, start + rows - from);
      return tidyNested(() => {
        const { images, texts } = chunkOf(own, from, count);
        const chunk = tower === 'image' ? { images, texts: null } : { images: null, texts };
        const offset = tf.tensor1d(Int32Array.of(0, 0, first + from - start), 'int32');
        return { chunk, state: tf.add<tf.Tensor1D>(state, offset), start: from, rows: count };
      });
    }),
  );
}

/** What a tower gave on all ranks, in the order of the whole batch. */
async function gatherRows(
  communicator: Communicator,
  output: TowerTensors,
  { counts, order }: TowerRows,
): Promise<TowerTensors> {
  const gather = async <Rows extends tf.Tensor>(rows: Rows): Promise<Rows> => {
    const width = rows.size / rows.shape[0]!;
    const values = Float32Array.from(await rows.data());
    const all = await communicator.allGather(
      values,
      counts.map((count) => count * width),
    );
    const shape = [order.length, ...rows.shape.slice(1)];
    return tf.tidy(() =>
      tf.cast(tf.gather(tf.tensor(all, shape, 'float32'), tf.tensor1d(order, 'int32')), rows.dtype),
    ) as Rows;
  };
  return {
    pooled: await gather(output.pooled),
    sequence: output.sequence && (await gather(output.sequence)),
    mask: output.mask && (await gather(output.mask)),
  };
}

/** A rank's rows of gradients of all. */
function ownRows({ pooled, sequence }: EncodedGradient, { own }: TowerRows): EncodedGradient {
  const rows = tf.tensor1d(own, 'int32');
  const take = <Rows extends tf.Tensor>(of: Rows | null): Rows | null => of && (tf.gather(of, rows) as Rows);
  return { pooled: take(pooled), sequence: take(sequence) };
}

/** Ranks have about as many rows each: the plain mean. */
async function meanOverRanks(communicator: Communicator, statistics: Statistics): Promise<Statistics> {
  const means: Record<string, tf.Tensor> = {};
  for (const [name, moved] of Object.entries(statistics)) {
    const values = Float32Array.from(await moved.data());
    await communicator.allReduce(values);
    const { size } = communicator;
    means[name] = tf.tensor(
      values.map((value) => value / size),
      moved.shape,
    );
  }
  return means;
}
