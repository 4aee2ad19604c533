import type { Context, EncoderOutput, ImageEncoder, PairBatch, TextEncoder, TextInput } from '@diptych/core';
import { BatchNorm2d, Conv2d, Dropout, Embedding, Generator, Linear, Module } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** Options of the two towers for tests. */
export interface TinyOptions {
  readonly embedDim?: number;
  readonly seed?: number;
  readonly batchNorm?: boolean;
  readonly dropout?: number;
}

/** One convolution and a linear layer on 4 px pictures. */
export class TinyImageEncoder extends Module implements ImageEncoder {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d | undefined;
  readonly drop: Dropout;
  readonly fc: Linear;
  readonly embedDim: number;

  constructor({ embedDim = 8, seed = 1, batchNorm = false, dropout = 0 }: TinyOptions = {}) {
    super();
    const generator = new Generator(seed);
    this.embedDim = embedDim;
    this.conv = new Conv2d(3, 6, 3, { generator, stride: 2, padding: 1 });
    this.bn = batchNorm ? new BatchNorm2d(6) : undefined;
    this.drop = new Dropout(dropout);
    this.fc = new Linear(6, embedDim, { generator });
  }

  encode(pixels: tf.Tensor4D, context: Context): EncoderOutput {
    const convolved = this.conv.forward(pixels);
    const grid = tf.relu(this.bn ? this.bn.forward(convolved, context) : convolved);
    const [batch, height, width] = grid.shape;
    const tokens = this.drop.forward(tf.reshape(grid, [batch, height * width, 6]), context);
    return { pooled: this.fc.forward(tf.mean(tokens, 1)), sequence: this.fc.forward(tokens) };
  }

  override describe() {
    return { kind: 'test/tiny-image', options: { embedDim: this.embedDim } };
  }
}

/** Mean of token embeddings and a linear layer; 20 tokens. */
export class TinyTextEncoder extends Module implements TextEncoder {
  readonly embeddings: Embedding;
  readonly drop: Dropout;
  readonly fc: Linear;
  readonly embedDim: number;

  constructor({ embedDim = 8, seed = 2, dropout = 0 }: TinyOptions = {}) {
    super();
    const generator = new Generator(seed);
    this.embedDim = embedDim;
    this.embeddings = new Embedding(20, 5, { generator });
    this.drop = new Dropout(dropout);
    this.fc = new Linear(5, embedDim, { generator });
  }

  encode({ inputIds, attentionMask }: TextInput, context: Context): EncoderOutput {
    const mask = tf.cast(attentionMask, 'float32');
    const [batch, length] = inputIds.shape;
    const tokens = this.drop.forward(this.embeddings.forward(inputIds), context);
    const weighted = tf.mul(tokens, tf.reshape(mask, [batch, length, 1]));
    const mean = tf.div(tf.sum(weighted, 1), tf.maximum(tf.sum(mask, 1, true), 1));
    return { pooled: this.fc.forward(mean), sequence: this.fc.forward(tokens), mask };
  }

  override describe() {
    return { kind: 'test/tiny-text', options: { embedDim: this.embedDim } };
  }
}

/** Pairs that can be learned: each has a colour and tokens of its own, the same in every epoch. */
export function tinyBatches(count: number, size: number, { seed = 5, length = 4, ids = true } = {}): PairBatch[] {
  const generator = new Generator(seed);
  return Array.from({ length: count }, (_, b) => ({
    size,
    pixels: { data: generator.normal(size * 48), shape: [size, 4, 4, 3] as const },
    tokens: {
      shape: [size, length] as const,
      inputIds: Int32Array.from(generator.uniform(size * length, 1, 20), Math.floor),
      attentionMask: Int32Array.from({ length: size * length }, (__, i) => (i % length < 2 + (i % 3) ? 1 : 0)),
    },
    ids: Array.from({ length: size }, (__, i) => (ids ? `pair ${b * size + i}` : 'same')),
  }));
}

/** The batches as a source, the same in every epoch. */
export function sourceOf(batches: readonly PairBatch[]) {
  return { epoch: () => batches, batchesPerEpoch: batches.length };
}
