import {
  type Context,
  type Encoder,
  type EncoderOutput,
  type FusedOutputs,
  type Fusion,
  type FusionOutput,
  type ImageInput,
  type Loss,
  type LossBatch,
  type Stateful,
  stateless,
  type TextInput,
} from '@diptych/core';
import { philoxUniform } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { randomNormal } from './random-normal.js';

// Small parts that keep their contracts, written without a base class, and pieces to break them with.

/** A part with the given variables. */
export function owning(variables: Record<string, tf.Variable>): Stateful {
  return {
    namedParameters: () => Object.entries(variables),
    namedBuffers: () => [],
    dispose: () => {
      for (const variable of Object.values(variables)) variable.dispose();
    },
  };
}

/** A variable of normal numbers. */
export function weight(shape: number[], seed: number): tf.Variable {
  return tf.tidy(() => tf.variable(randomNormal(shape, seed)));
}

/** Mean colour of each quarter of a picture through a linear layer, with dropout. */
export function quarters(embedDim = 6): Encoder<ImageInput> {
  const projection = weight([embedDim, 3], 1);
  const bias = weight([embedDim], 2);
  return {
    ...owning({ 'projection.weight': projection, 'projection.bias': bias }),
    embedDim,
    encode(pixels: ImageInput, context: Context): EncoderOutput {
      const [batch, height] = pixels.shape;
      const cells = tf.avgPool(pixels, height / 2, height / 2, 'valid');
      const flat = tf.reshape(cells, [batch * 4, 3]);
      const vectors = tf.add(tf.matMul(flat, projection, false, true), bias);
      let sequence = tf.reshape(vectors, [batch, 4, embedDim]);
      if (context.training) {
        sequence = tf.mul(sequence, tf.greater(philoxUniform(context.random, sequence.shape, 1), 0.1));
      }
      return { pooled: tf.mean(sequence, 1), sequence };
    },
    describe: () => ({ kind: 'example/quarters', options: { embedDim } }),
  };
}

/** Masked mean of token embeddings. */
export function tokenMean(embedDim = 6): Encoder<TextInput> {
  const table = weight([20, embedDim], 3);
  return {
    ...owning({ 'table.weight': table }),
    embedDim,
    encode({ inputIds, attentionMask }: TextInput): EncoderOutput {
      const [batch, length] = inputIds.shape;
      const rows = tf.gather(table, tf.reshape(inputIds, [-1]));
      const sequence = tf.reshape(rows, [batch, length, embedDim]);
      const mask = tf.cast(attentionMask, 'float32');
      const sum = tf.sum(tf.mul(sequence, tf.expandDims(mask, 2)), 1);
      return { pooled: tf.div(sum, tf.sum(mask, 1, true)), sequence, mask };
    },
  };
}

/** The product of both vectors through a linear layer. */
export function product(embedDim = 6): Fusion {
  const mixing = weight([embedDim, embedDim], 4);
  return {
    ...owning({ 'mixing.weight': mixing }),
    embedDim,
    fuse: (image: EncoderOutput, text: EncoderOutput): FusionOutput => ({
      fused: tf.matMul(tf.mul(image.pooled, text.pooled), mixing, false, true),
    }),
  };
}

/** Symmetric cross-entropy of cosine similarities. */
export function contrastive(): Loss<FusedOutputs> {
  return {
    ...stateless,
    compute({ image, text, logitScale }: FusedOutputs, { size }: LossBatch) {
      const unit = (x: tf.Tensor2D) => tf.div(x, tf.sqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-12)));
      const cosine = tf.matMul(unit(image.pooled), unit(text.pooled), false, true);
      const logits = tf.mul(cosine, tf.exp(logitScale));
      const own = tf.eye(size);
      const entropy = (axis: 0 | 1) => {
        const right = axis === 1 ? logits : tf.transpose(logits);
        return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(right), own), 1)));
      };
      const [rows, columns] = [entropy(1), entropy(0)];
      return { loss: tf.div(tf.add(rows, columns), 2), parts: { rows, columns } };
    },
  };
}

/** Pictures as {@link quarters} takes them. */
export function pictures(size: number, seed: number): ImageInput {
  return randomNormal<tf.Rank.R4>([size, 4, 4, 3], seed);
}

/** Texts of different lengths below 20 tokens, padded to the same length. */
export function texts(size: number, seed: number): TextInput {
  const length = 7;
  const ids = Int32Array.from({ length: size * length }, (_, i) => 1 + ((i * 7 + seed * 13 + (i % 5) * seed) % 19));
  const mask = Int32Array.from(ids, (_, i) => (i % length < length - (Math.floor(i / length) % 3) ? 1 : 0));
  return {
    inputIds: tf.tensor2d(
      ids.map((id, i) => id * mask[i]!),
      [size, length],
      'int32',
    ),
    attentionMask: tf.tensor2d(mask, [size, length], 'int32'),
  };
}
