import {
  ConfigError,
  checkMethods,
  type Fusion,
  type ImageSource,
  type ImageTransform,
  InputError,
  Matrix,
  type PairBatch,
  type PixelBatch,
  plainSample,
  type RgbImage,
  type TextEncoder,
  type TokenBatch,
  type TokenizeOptions,
  type Tokenizer,
} from '@diptych/core';
import { cosineSimilarity } from '@diptych/metrics';
import { decodeImage } from '@diptych/preprocess/image';
import {
  attentionMaps,
  type BatchSource,
  type EncodedItems,
  embedPairs,
  encodeItems,
  type HostTensor,
  type MultiModalEncoder,
  releaseCompiled,
} from '@diptych/train';
import { type ExportedPart, type ExportModelOptions, exportJointModel } from './export-onnx.js';
import { seenRegion } from './seen-region.js';
import { attentionOfWords, gridOf, textToImageMaps, type WordAttention, wordsOf } from './word-attention.js';

/** A model with the preprocessing that belongs to it. */
export interface JointModelParts {
  readonly encoder: MultiModalEncoder<Fusion | undefined>;
  readonly transform: ImageTransform;
  readonly tokenizer: Tokenizer;
  /** How texts were tokenized in training: `maxLength`, `padToMultipleOf`. */
  readonly tokenize?: TokenizeOptions;
}

/** How many items go through the model at once. */
export interface BatchOptions {
  /** Default 32. */
  readonly batchSize?: number;
}

/**
 * A picture: a path or `file:` URL (in browsers: an address), a file that a person chose (`Blob`), encoded bytes, or decoded
 * pixels.
 */
export type Picture = ImageSource | Blob | RgbImage;

const BATCH_SIZE = 32;

/**
 * A trained image-text encoder, ready to use: files and strings in, plain arrays out, nothing to dispose but the model.
 */
export class JointModel {
  readonly encoder: MultiModalEncoder<Fusion | undefined>;
  readonly transform: ImageTransform;
  readonly tokenizer: Tokenizer;
  readonly tokenize: TokenizeOptions;

  /** @throws ConfigError if a part is missing or none, or the tokenizer has tokens for which the text encoder has no row in its table */
  constructor(parts: JointModelParts) {
    checkParts('diptych.JointModel', parts);
    const { encoder, transform, tokenizer, tokenize = {} } = parts;
    checkVocabulary(tokenizer, encoder.text);
    this.encoder = encoder;
    this.transform = transform;
    this.tokenizer = tokenizer;
    this.tokenize = tokenize;
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
  async embedImages(images: readonly Picture[], options?: BatchOptions): Promise<Matrix> {
    if (images.length === 0) return new Matrix(new Float32Array(0), [0, this.embedDim]);
    return (await embedPairs(this.encoder, this.#source({ images }, options), { outputs: ['image'] })).image;
  }

  /**
   * Embeds texts.
   *
   * @returns [N, D], each row of length 1
   */
  async embedText(texts: readonly string[], options?: BatchOptions): Promise<Matrix> {
    if (texts.length === 0) return new Matrix(new Float32Array(0), [0, this.embedDim]);
    return (await embedPairs(this.encoder, this.#source({ texts }, options), { outputs: ['text'] })).text;
  }

  /**
   * The joint vectors of pairs: picture i with text i through the fusion. One side may be undefined where the fusion has placeholders
   * for it.
   *
   * @returns [N, D], as the fusion gives them
   * @throws ConfigError if the model has no fusion, the lists differ in length, or a side is missing that the fusion needs
   */
  async embedPairs(
    images: readonly Picture[] | undefined,
    texts: readonly string[] | undefined,
    options?: BatchOptions,
  ): Promise<Matrix> {
    const count = checkLengths('diptych.embedPairs', images, texts);
    if (count === 0) return new Matrix(new Float32Array(0), [0, this.embedDim]);
    const without = images ? (texts ? undefined : 'text') : 'image';
    const source = this.#source({ images, texts }, options);
    return (await embedPairs(this.encoder, source, { outputs: ['fused'], without })).fused;
  }

  /**
   * Where the fusion looks at picture i for text i, and back: its attention maps by name, [N, heads, queries, keys] each. All
   * pairs go through the model at once.
   *
   * @returns no map for a fusion that does not attend
   * @throws ConfigError if the model has no fusion, or the lists differ in length
   */
  async attention(
    images: readonly Picture[],
    texts: readonly string[],
  ): Promise<{ readonly [name: string]: HostTensor }> {
    const batchSize = checkLengths('diptych.attention', images, texts);
    if (batchSize === 0) return {};
    return attentionMaps(this.encoder, this.#source({ images, texts }, { batchSize }));
  }

  /** Whether {@link attentionByWord} has something to say. */
  get attendsByWord(): boolean {
    return (this.encoder.fusion?.textToImageMaps ?? []).length > 0;
  }

  /**
   * Where the fusion looks in a picture for each word of a text: the attention of the word's tokens on the grid of the image encoder's
   * parts, mean over heads and the layers that the result depends on. What attention says of a decision is disputed (Jain and Wallace
   * 2019); it shows what was read, not why.
   *
   * @throws ConfigError for a model whose fusion does not look at parts of a picture
   * @throws InputError for a picture that cannot be read, and a text without words
   */
  async attentionByWord(image: Picture, text: string): Promise<WordAttention> {
    const where = 'diptych.attentionByWord';
    const names = textToImageMaps(where, this.encoder.fusion);
    const words = wordsOf(text, this.tokenizer, this.tokenize);
    if (words.length === 0) {
      throw new InputError({ where, expected: 'a text with words', got: JSON.stringify(text.slice(0, 100)) });
    }
    const source = await sourceOf(image);
    const decoded = isDecoded(source) ? source : await (this.transform.decode?.(source) ?? decodeImage(source));
    const maps = await this.attention([decoded], [text]);
    const firstToken = this.#tokens([text]).attentionMask.indexOf(1);
    const values = attentionOfWords(
      names.map((name) => maps[name]!),
      words,
      firstToken,
    );
    const [height, width] = this.transform.outputShape;
    const [rows, columns] = gridOf(where, values.shape[1], height, width);
    return {
      words: words.map(({ text, start, end }) => ({ text, start, end })),
      maps: values,
      rows,
      columns,
      region: await seenRegion(this.transform, decoded),
    };
  }

  /**
   * What the model's heads say of each pair, by head: probabilities of classes [N, C], or numbers.
   *
   * @throws ConfigError if the model has no heads, or the lists differ in length
   */
  async predict(
    images: readonly Picture[],
    texts: readonly string[],
    options?: BatchOptions,
  ): Promise<{ readonly [head: string]: Matrix }> {
    const heads = Object.entries(this.encoder.heads.byName ?? {});
    if (heads.length === 0) {
      throw new ConfigError({
        where: 'diptych.predict',
        problem: 'this model has no heads',
        remedy:
          'build and train it with some: new MultiModalEncoder({ …, heads: { group: new Classification({ … }) } })',
      });
    }
    if (checkLengths('diptych.predict', images, texts) === 0) return {};
    const source = this.#source({ images, texts }, options);
    const { predictions } = await embedPairs(this.encoder, source, { predictions: true });
    return Object.fromEntries(heads.map(([name, head]) => [name, head.values(predictions![name]!)]));
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
    options?: BatchOptions,
  ): Promise<Float32Array> {
    if (!this.encoder.matcher) {
      throw new ConfigError({
        where: 'diptych.match',
        problem: 'this model has no fusion with a matcher',
        remedy: 'train one with `fusion`, or compare embeddings with similarity()',
      });
    }
    checkLengths('diptych.matchLogits', images, texts);
    if (images.length === 0) return new Float32Array(0);
    return (await embedPairs(this.encoder, this.#source({ images, texts }, options), { outputs: ['match'] })).match
      .data;
  }

  /**
   * What the fusion reads of each picture and text, for scoring any of them with any other: `rerank` and `matchingAccuracy` take
   * `scorerOf(model.encoder, items)`.
   *
   * @throws ConfigError if the model has no fusion, or the lists differ in length
   */
  encodePairs(images: readonly Picture[], texts: readonly string[], options?: BatchOptions): Promise<EncodedItems> {
    checkLengths('diptych.encodePairs', images, texts);
    return encodeItems(this.encoder, this.#source({ images, texts }, options));
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
  async exportOnnx(folder: string, options?: ExportModelOptions): Promise<ExportedPart[]> {
    return exportJointModel(folder, this, options);
  }

  /** Frees the model. */
  dispose(): void {
    releaseCompiled(this.encoder);
    this.encoder.dispose();
  }

  /** Pictures, texts or both as batches; a side that is not there has one entry a row, which nobody reads. */
  #source({ images, texts }: Items, { batchSize = BATCH_SIZE }: BatchOptions = {}): BatchSource {
    const total = (images ?? texts)!.length;
    const batch = async (start: number): Promise<PairBatch> => {
      const end = Math.min(start + batchSize, total);
      const size = end - start;
      return {
        size,
        pixels: images ? await this.#pixels(images.slice(start, end)) : noPixels(size),
        tokens: texts ? this.#tokens(texts.slice(start, end)) : noTokens(size),
        ids: Array.from({ length: size }, (_, i) => String(start + i)),
      };
    };
    return {
      async *epoch() {
        for (let start = 0; start < total; start += batchSize) yield await batch(start);
      },
    };
  }

  async #pixels(images: readonly Picture[]): Promise<PixelBatch> {
    const [height, width, channels] = this.transform.outputShape;
    const size = height * width * channels;
    const data = new Float32Array(images.length * size);
    await Promise.all(
      images.map(async (image, row) => {
        await this.transform.into(await sourceOf(image), data, row * size, plainSample);
      }),
    );
    return { data, shape: [images.length, height, width, channels] };
  }

  #tokens(texts: readonly string[]): TokenBatch {
    return this.tokenizer.encode(texts, { truncation: true, ...this.tokenize });
  }
}

/** Otherwise the first text with a token of the surplus would fail, in the middle of a computation. */
function checkVocabulary({ vocabSize }: Tokenizer, text: TextEncoder): void {
  if (text.vocabSize === undefined || vocabSize <= text.vocabSize) return;
  throw new ConfigError({
    where: 'diptych.JointModel',
    expected: `a tokenizer of at most ${text.vocabSize} tokens, as many as the text encoder has embeddings`,
    got: `${vocabSize} tokens`,
    remedy: `make its table longer, await resizeTokenEmbeddings(text, ${vocabSize}) of @diptych/text, or as it is loaded, fromPretrained(model, { vocabSize: ${vocabSize} }), or build it with this vocabSize`,
  });
}

/** What a call brings. */
interface Items {
  readonly images?: readonly Picture[];
  readonly texts?: readonly string[];
}

async function sourceOf(image: Picture): Promise<ImageSource | RgbImage> {
  return image instanceof Blob ? image.arrayBuffer() : image;
}

function isDecoded(image: ImageSource | RgbImage): image is RgbImage {
  return typeof image === 'object' && 'data' in image && 'width' in image;
}

function noPixels(size: number): PixelBatch {
  return { data: new Float32Array(size), shape: [size, 1, 1, 1] };
}

function noTokens(size: number): TokenBatch {
  return { shape: [size, 1], inputIds: new Int32Array(size), attentionMask: new Int32Array(size).fill(1) };
}

function checkLengths(
  where: string,
  images: readonly unknown[] | undefined,
  texts: readonly unknown[] | undefined,
): number {
  const count = (images ?? texts)?.length;
  if (count !== undefined && (!images || !texts || images.length === texts.length)) return count;
  throw new ConfigError({
    where,
    expected: 'as many pictures as texts',
    got: `${images?.length ?? 'no list'} and ${texts?.length ?? 'no list'}`,
  });
}

/** Which function makes an object such a part. */
const PARTS = { encoder: 'encodeImage', transform: 'into', tokenizer: 'encode' } as const;

/** @throws ConfigError that names the part which is missing or none */
export function checkParts(where: string, parts: JointModelParts): void {
  for (const [part, method] of Object.entries(PARTS)) {
    const given: unknown = parts?.[part as keyof typeof PARTS];
    checkMethods(
      `${where}: ${part}`,
      given,
      [method],
      '{ encoder, transform, tokenizer }, or a model that load(folder) gave',
    );
  }
}
