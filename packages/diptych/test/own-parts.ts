// One part of each kind that a user may bring, registered once: as docs/own-parts.md shows it. Imported by the test, by its worker
// threads and by another process.
import {
  type Encoded,
  type Fusion,
  type Head,
  InputError,
  type JsonObject,
  Matrix,
  registerKinds,
  stateless,
  type TokenBatch,
  type Tokenizer,
} from '@diptych/core';
import { BlankGenerator, Generator, Linear, Module } from '@diptych/nn';
import { pixelStep } from '@diptych/preprocess/image';
import { Classification, defineOptimizer } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';

export const EMBED_DIM = 6;

/** Mean colour through a linear layer. */
export class Colours extends Module {
  readonly embedDim = EMBED_DIM;
  readonly fc: Linear;

  constructor({ generator }: { generator: Generator | BlankGenerator }) {
    super();
    this.fc = new Linear(3, EMBED_DIM, { generator });
  }

  encode(pixels: tf.Tensor4D): Encoded {
    const tokens: tf.Tensor3D = tf.reshape(pixels, [pixels.shape[0], -1, 3]);
    return { pooled: this.fc.forward(tf.mean(tokens, 1) as tf.Tensor2D), sequence: this.fc.forward(tokens) };
  }

  override describe() {
    return { kind: 'own/colours', options: {} };
  }
}

/** Letters by number, padded with 0. */
export function letters({ maxLength }: { maxLength: number }): Tokenizer {
  return {
    vocabSize: 27,
    padTokenId: 0,
    maxLength,
    encode(
      texts,
      { padding = 'longest', maxLength: most = maxLength, truncation = false, padToMultipleOf: step = 1 } = {},
    ): TokenBatch {
      const rows = texts.map((text) =>
        [...String(text).toLowerCase()].map((c) => c.charCodeAt(0) - 96).filter((id) => id > 0 && id < 27),
      );
      const longest = Math.max(1, ...rows.map((row) => row.length));
      if (longest > most && !truncation) {
        throw new InputError({ where: 'own.letters', expected: `at most ${most} letters`, got: String(longest) });
      }
      const wanted = padding === 'max_length' ? most : Math.min(longest, most);
      const length = Math.min(maxLength, Math.ceil(wanted / step) * step);
      const cells = rows.flatMap((row) => Array.from({ length }, (_, at) => (at < most ? (row[at] ?? 0) : 0)));
      return {
        shape: [rows.length, length],
        inputIds: Int32Array.from(cells),
        attentionMask: Int32Array.from(cells, (id) => (id > 0 ? 1 : 0)),
      };
    },
    describe: () => ({ kind: 'own/letters', options: { maxLength } }),
  };
}

/** The product of both vectors. */
export const product = (): Fusion => ({
  ...stateless,
  embedDim: EMBED_DIM,
  fuse: (image, text) => ({ fused: tf.mul(image.pooled, text.pooled) }),
  describe: () => ({ kind: 'own/product', options: {} }),
});

/** Classes by way of diptych's head, with values of its own: the chosen class alone. */
export class Choice extends Classification implements Head {
  override values(logits: { data: Float32Array; shape: readonly [number, number] }): Matrix {
    const [rows, count] = logits.shape;
    const chosen = Array.from({ length: rows }, (_, row) => {
      const own = logits.data.subarray(row * count, (row + 1) * count);
      return own.indexOf(Math.max(...own));
    });
    return new Matrix(Float32Array.from(chosen), [rows, 1]);
  }

  override describe() {
    return { ...super.describe(), kind: 'own/choice' };
  }
}

/** Every pixel's opposite, where `share` of the pictures asks for it. */
export const inverted = ({ share }: { share: number }) =>
  pixelStep({
    op: 'own/inverted',
    options: { share },
    apply: (image, { training }, random) =>
      training && random().chance(share) ? { ...image, data: image.data.map((value) => 255 - value) } : image,
  });

/** Gradient descent by sign. */
export class SignDescent extends defineOptimizer({
  name: 'SignDescent',
  kind: 'own/sign-descent',
  defaults: { learningRate: 1e-2, weightDecay: 0 },
  state: [],
  update: ({ parameter, gradient, hyper }) => ({
    parameter: tf.sub(parameter, tf.mul(hyper.learningRate, tf.sign(gradient))),
    state: {},
  }),
}) {}

export const kinds = {
  'own/colours': () => new Colours({ generator: new BlankGenerator() }),
  'own/letters': (options: JsonObject) => letters({ maxLength: Number(options.maxLength) }),
  'own/product': product,
  'own/choice': (options: JsonObject) =>
    new Choice({ ...(options as object as ConstructorParameters<typeof Choice>[0]), generator: new BlankGenerator() }),
  'own/inverted': (options: JsonObject) => inverted({ share: Number(options.share) }),
  'own/sign-descent': (options: JsonObject) => new SignDescent(options as object as { learningRate: number }),
};

registerKinds(kinds, import.meta.url);

export const firstColours = () => new Colours({ generator: new Generator(3) });
