import {
  ConfigError,
  type Fusion,
  type ImageSource,
  type ImageTransform,
  Matrix,
  plainSample,
  type RgbImage,
  type TokenizeOptions,
  type Tokenizer,
  tokenShape,
} from '@diptych/core';
import { cosineSimilarity } from '@diptych/metrics';
import { type Compiled, compile, l2Normalize } from '@diptych/nn';
import type { MultiModalEncoder } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { type ExportedPart, exportJointModel } from './export-onnx.js';

/** A model with the preprocessing that belongs to it. */
export interface JointModelParts {
  readonly encoder: MultiModalEncoder<Fusion | undefined>;
  readonly transform: ImageTransform;
  readonly tokenizer: Tokenizer;
  /** How texts were tokenized in training: `maxLength`, `padToMultipleOf`. */
  readonly tokenize?: TokenizeOptions;
}

/** How many items go through the model at once. */
export interface EmbedOptions {
  /** Default 32. */
  readonly batchSize?: number;
}

/** A picture: a path, URL or encoded bytes, or decoded pixels. */
export type Picture = ImageSource | RgbImage;

const BATCH_SIZE = 32;

/**
 * A trained image-text encoder, ready to use: files and strings in, plain arrays out, nothing to dispose but the model.
 */
export class JointModel {
  readonly encoder: MultiModalEncoder<Fusion | undefined>;
  readonly transform: ImageTransform;
  readonly tokenizer: Tokenizer;
  readonly tokenize: TokenizeOptions;
  readonly #compiled: ReturnType<typeof compileModel>;

  constructor({ encoder, transform, tokenizer, tokenize = {} }: JointModelParts) {
    this.encoder = encoder;
    this.transform = transform;
    this.tokenizer = tokenizer;
    this.tokenize = tokenize;
    this.#compiled = compileModel(encoder);
  }

  /** D, the width of embeddings. */
  get embedDim(): number {
    return this.encoder.embedDim;
  }

  /**
   * Embeds pictures.
   *
   * @returns [N, D], each row of length 1
   * @throws InputError that names the picture if one cannot be read
   */
  async embedImages(images: readonly Picture[], { batchSize = BATCH_SIZE }: EmbedOptions = {}): Promise<Matrix> {
    return this.#inBatches(images, batchSize, async (batch) => {
      const pixels = await this.#pixels(batch);
      try {
        return this.#compiled.embedImages(pixels);
      } finally {
        pixels.dispose();
      }
    });
  }

  /**
   * Embeds texts.
   *
   * @returns [N, D], each row of length 1
   */
  async embedText(texts: readonly string[], { batchSize = BATCH_SIZE }: EmbedOptions = {}): Promise<Matrix> {
    return this.#inBatches(texts, batchSize, async (batch) => {
      const tokens = this.#tokens(batch);
      try {
        return this.#compiled.embedText(tokens.inputIds, tokens.attentionMask);
      } finally {
        tf.dispose([tokens.inputIds, tokens.attentionMask]);
      }
    });
  }

  /** Cosine similarities of embeddings: [N, D] with [M, D] gives [N, M]. */
  similarity(a: Matrix, b: Matrix): Matrix {
    return cosineSimilarity(a, b);
  }

  /**
   * How likely picture and text belong together, by the fused matcher: between 0 and 1.
   *
   * @throws ConfigError if the model has no matcher
   */
  async match(image: Picture, text: string): Promise<number> {
    const [logit] = await this.matchLogits([image], [text]);
    return 1 / (1 + Math.exp(-logit!));
  }

  /**
   * The matcher's logits for picture i with text i; above 0 means that they belong together.
   *
   * @throws ConfigError if the model has no matcher, or the lists differ in length
   */
  async matchLogits(
    images: readonly Picture[],
    texts: readonly string[],
    { batchSize = BATCH_SIZE }: EmbedOptions = {},
  ): Promise<Float32Array> {
    if (!this.encoder.matcher) {
      throw new ConfigError({
        where: 'diptych.match',
        problem: 'this model has no fusion with a matcher',
        remedy: 'train one with `fusion`, or compare embeddings with similarity()',
      });
    }
    if (images.length !== texts.length) {
      throw new ConfigError({
        where: 'diptych.matchLogits',
        expected: 'as many pictures as texts',
        got: `${images.length} and ${texts.length}`,
      });
    }
    const rows = images.map((image, index) => [image, texts[index]!] as const);
    const { data } = await this.#inBatches(rows, batchSize, async (batch) => {
      const pixels = await this.#pixels(batch.map(([image]) => image));
      const tokens = this.#tokens(batch.map(([, text]) => text));
      try {
        return this.#compiled.match(pixels, tokens.inputIds, tokens.attentionMask);
      } finally {
        tf.dispose([pixels, tokens.inputIds, tokens.attentionMask]);
      }
    });
    return data;
  }

  /** The factor on cosine similarities that training settled on, e.g. for adding them to match logits. */
  async logitScale(): Promise<number> {
    const [logarithm] = await this.encoder.logitScale.data();
    return Math.exp(logarithm!);
  }

  /**
   * Writes the model as ONNX files for other runtimes: `image.onnx`, `text.onnx`, and `fusion.onnx` and `matcher.onnx` where it
   * has these, with the tokenizer's files, a description of preprocessing and a README. Batches may have any size, texts any
   * length that the encoder takes.
   *
   * @returns each file, and how far its results in ONNX Runtime are from the model's
   * @throws EngineError for a part that has no ONNX form
   */
  async exportOnnx(folder: string): Promise<ExportedPart[]> {
    return exportJointModel(folder, this);
  }

  /** Frees the model. */
  dispose(): void {
    for (const compiled of Object.values(this.#compiled)) compiled.dispose();
    this.encoder.dispose();
  }

  async #pixels(images: readonly Picture[]): Promise<tf.Tensor4D> {
    const [height, width, channels] = this.transform.outputShape;
    const size = height * width * channels;
    const data = new Float32Array(images.length * size);
    await Promise.all(images.map((image, row) => this.transform.into(image, data, row * size, plainSample)));
    return tf.tensor4d(data, [images.length, height, width, channels]);
  }

  #tokens(texts: readonly string[]): { inputIds: tf.Tensor2D; attentionMask: tf.Tensor2D } {
    const tokens = this.tokenizer.encode(texts, { truncation: true, ...this.tokenize });
    const shape = tokenShape(tokens, 'diptych: tokenizer');
    return {
      inputIds: tf.tensor2d(tokens.inputIds, shape, 'int32'),
      attentionMask: tf.tensor2d(tokens.attentionMask, shape, 'int32'),
    };
  }

  /** Runs items through the model batch by batch; each result is [rows] or [rows, columns]. */
  async #inBatches<Item>(
    items: readonly Item[],
    batchSize: number,
    run: (batch: readonly Item[]) => Promise<tf.Tensor>,
  ): Promise<Matrix> {
    const parts: Float32Array[] = [];
    for (let start = 0; start < items.length; start += batchSize) {
      const result = await run(items.slice(start, start + batchSize));
      parts.push((await result.data()) as Float32Array);
      result.dispose();
    }
    const data = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      data.set(part, offset);
      offset += part.length;
    }
    return new Matrix(data, [items.length, items.length === 0 ? 0 : data.length / items.length]);
  }
}

function compileModel(encoder: MultiModalEncoder<Fusion | undefined>): {
  embedImages: Compiled<[tf.Tensor4D], tf.Tensor2D>;
  embedText: Compiled<[tf.Tensor2D, tf.Tensor2D], tf.Tensor2D>;
  match: Compiled<[tf.Tensor4D, tf.Tensor2D, tf.Tensor2D], tf.Tensor1D>;
} {
  return {
    embedImages: compile((pixels: tf.Tensor4D) => l2Normalize(encoder.encodeImage(pixels).pooled)),
    embedText: compile((inputIds: tf.Tensor2D, attentionMask: tf.Tensor2D) =>
      l2Normalize(encoder.encodeText({ inputIds, attentionMask }).pooled),
    ),
    match: compile((pixels: tf.Tensor4D, inputIds: tf.Tensor2D, attentionMask: tf.Tensor2D) => {
      const image = encoder.encodeImage(pixels);
      const text = encoder.encodeText({ inputIds, attentionMask });
      return encoder.matchLogits(encoder.fuse(image, text).fused);
    }),
  };
}
