import {
  buffersOf,
  ConfigError,
  type Context,
  checkEncoded,
  checkFused,
  checkShape,
  checkTextTensors,
  type Encoded,
  type EncoderOutput,
  type Fused,
  type FusedOutputs,
  type Fusion,
  type ImageEncoder,
  inference,
  type PartDescription,
  parametersOf,
  type Stateful,
  type TextEncoder,
  type TextTensors,
  type TowerOutputs,
} from '@diptych/core';
import { Generator, Linear, Module, parameter } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { gatherRows } from './gather-rows.js';
import type { TrainableModel } from './trainable-model.js';

/** Turns joint vectors [P, D] into one logit each, [P, 1] or [P]: a Linear, or a part of one's own. */
export interface Matcher extends Stateful {
  forward(fused: tf.Tensor2D): tf.Tensor;
}

/** What a model with fusion `F` gives: without one, nothing that a matching loss could use. */
export type OutputsOf<F extends Fusion | undefined> = F extends Fusion ? FusedOutputs : TowerOutputs;

/** The parts of a {@link MultiModalEncoder}. */
export interface MultiModalEncoderOptions<F extends Fusion | undefined = undefined> {
  readonly image: ImageEncoder;
  readonly text: TextEncoder;
  readonly fusion?: F;
  /** Default: a Linear embedDim -> 1 where there is a fusion; false for none. */
  readonly matcher?: Matcher | boolean;
  /** ln of the factor on cosine similarities to start from; default ln(1 / 0.07), as CLIP. */
  readonly logitScale?: number;
  /** Largest factor after an update, default 100 as CLIP; the smallest is 1. null: no bounds (SigLIP). */
  readonly maxScale?: number | null;
  /** Start value of the bias on scaled similarities (SigLIP: -10). Default: the model has none. */
  readonly logitBias?: number;
  /** For the matcher's first weights. Default 0. */
  readonly seed?: number;
}

/**
 * Two towers with one width, a learnable temperature, and optionally a fusion with a matcher on top.
 *
 * Parts are nn Modules or any objects with the interfaces of core. Their parameters are named `image_encoder.*`,
 * `text_encoder.*`, `fusion_layer.*`, `matcher.*`, beside `logit_scale` and `logit_bias`. Source of temperature and
 * clamp: CLIP (Radford et al. 2021); of the bias: SigLIP (Zhai et al. 2023).
 */
export class MultiModalEncoder<F extends Fusion | undefined = undefined>
  extends Module
  implements TrainableModel<OutputsOf<F>>
{
  readonly embedDim: number;
  readonly imageEncoder: ImageEncoder;
  readonly textEncoder: TextEncoder;
  readonly fusionLayer: F;
  readonly matcher: Matcher | undefined;
  readonly logitScale: tf.Variable<tf.Rank.R0>;
  readonly logitBias: tf.Variable<tf.Rank.R0> | undefined;
  readonly maxScale: number | null;

  /** @throws ConfigError if the parts' widths differ */
  constructor(options: MultiModalEncoderOptions<F>) {
    super();
    const { image, text, fusion, matcher = fusion !== undefined, maxScale = 100, logitBias, seed = 0 } = options;
    const { logitScale = Math.log(1 / 0.07) } = options;
    checkWidths(image, text, fusion);
    if (matcher && !fusion) {
      throw new ConfigError({
        where: 'train.MultiModalEncoder',
        problem: 'a matcher reads fused vectors, and this model has no fusion',
        remedy: 'pass a fusion as well, or leave the matcher out',
      });
    }
    this.embedDim = image.embedDim;
    this.imageEncoder = image;
    this.textEncoder = text;
    this.fusionLayer = fusion as F;
    this.matcher =
      matcher === true
        ? (new Linear(this.embedDim, 1, { generator: new Generator(seed) }) satisfies Matcher)
        : matcher || undefined;
    this.logitScale = parameter(tf.scalar(logitScale));
    this.logitBias = logitBias === undefined ? undefined : parameter(tf.scalar(logitBias));
    this.maxScale = maxScale;
    this.bindPaths('');
  }

  /** The parts that own parameters, by the prefix of their names. */
  *namedParts(): Iterable<readonly [prefix: string, part: Stateful]> {
    yield ['image_encoder', this.imageEncoder];
    yield ['text_encoder', this.textEncoder];
    if (this.fusionLayer) yield ['fusion_layer', this.fusionLayer];
    if (this.matcher) yield ['matcher', this.matcher];
  }

  override *namedParameters(): Iterable<[string, tf.Variable]> {
    for (const [prefix, part] of this.namedParts()) yield* parametersOf(part, prefix);
    yield ['logit_scale', this.logitScale];
    if (this.logitBias) yield ['logit_bias', this.logitBias];
  }

  override *namedBuffers(): Iterable<[string, tf.Variable]> {
    for (const [prefix, part] of this.namedParts()) yield* buffersOf(part, prefix);
  }

  /** Frees the parameters of the model and of all its parts. */
  override dispose(): void {
    for (const [, part] of this.namedParts()) part.dispose();
    for (const own of [this.logitScale, this.logitBias]) if (own && !own.isDisposed) own.dispose();
  }

  /** [B, height, width, 3] -> `pooled` [B, D], `sequence` [B, T, D]. The caller disposes them. */
  encodeImage(pixels: tf.Tensor, context: Context = inference): Encoded {
    return tf.tidy(() => this.#encodeImage(pixels, context));
  }

  /** Token ids [B, T] -> `pooled` [B, D], `sequence` [B, T, D]. The caller disposes them. */
  encodeText(text: TextTensors, context: Context = inference): Encoded {
    return tf.tidy(() => this.#encodeText(text, context));
  }

  /**
   * Joins picture and text row by row. The caller disposes what it gives.
   *
   * @throws ConfigError if the model has no fusion
   */
  fuse(image: EncoderOutput, text: EncoderOutput, context: Context = inference): Fused {
    const where = 'train.MultiModalEncoder.fuse';
    const pair = [
      checkEncoded(`${where}: image`, image, this.embedDim),
      checkEncoded(`${where}: text`, text, this.embedDim),
    ] as const;
    return tf.tidy(() => this.#fuse(...pair, context));
  }

  /** Both towers; what a loss sees of them. Call it inside `tf.tidy`. */
  forward(image: tf.Tensor, text: TextTensors, context: Context = inference): OutputsOf<F> {
    return this.relate(this.#encodeImage(image, context), this.#encodeText(text, context), context);
  }

  relate(image: Encoded, text: Encoded, context: Context): OutputsOf<F> {
    const towers: TowerOutputs = { image, text, logitScale: this.logitScale, logitBias: this.logitBias };
    if (!this.fusionLayer) return towers as OutputsOf<F>;
    const fused: FusedOutputs = {
      ...towers,
      fuse: (imageRows, textRows) =>
        this.#fuse(
          imageRows ? gatherRows(image, imageRows) : image,
          textRows ? gatherRows(text, textRows) : text,
          context,
        ),
      matchLogits: (joint) => this.matchLogits(joint),
    };
    return fused as OutputsOf<F>;
  }

  /**
   * Joint vectors [P, D] -> logits [P]; above 0 means that picture and text belong together.
   *
   * @throws ConfigError if the model has no matcher
   */
  matchLogits(fused: tf.Tensor): tf.Tensor1D {
    const { matcher } = this;
    if (!matcher) {
      throw new ConfigError({
        where: 'train.MultiModalEncoder.matchLogits',
        problem: 'this model has no matcher',
        remedy: 'build it with a fusion, and without `matcher: false`',
      });
    }
    const where = 'train.MultiModalEncoder.matchLogits';
    const { P } = checkShape(where, 'fused', fused, ['P', this.embedDim]);
    return tf.tidy(() => {
      const logits = matcher.forward(fused as tf.Tensor2D);
      checkShape(where, 'what the matcher gives', logits, logits.rank === 1 ? [P!] : [P!, 1]);
      return tf.reshape(logits, [P!]);
    });
  }

  /** Clamps `logit_scale` to [0, ln maxScale], as CLIP does after each step. */
  constrain(): void {
    const { logitScale, maxScale } = this;
    if (maxScale === null || !logitScale.trainable) return;
    tf.tidy(() => logitScale.assign(tf.clipByValue(logitScale, 0, Math.log(maxScale))));
  }

  /** @throws ConfigError if a part cannot be described */
  override describe(): PartDescription {
    const parts = Object.fromEntries(
      [...this.namedParts()]
        .filter(([prefix]) => prefix !== 'matcher')
        .map(([prefix, part]) => [DESCRIBED_AS[prefix]!, describePart(prefix, part)]),
    );
    const { maxScale, matcher, logitBias } = this;
    return {
      kind: 'train/multi-modal-encoder',
      options: { ...parts, maxScale, matcher: matcher !== undefined, logitBias: logitBias ? 0 : undefined },
    };
  }

  #encodeImage(pixels: tf.Tensor, context: Context): Encoded {
    const where = 'train.MultiModalEncoder.encodeImage';
    checkShape(where, 'pixels', pixels, ['B', 'height', 'width', 'channels']);
    return checkEncoded(where, this.imageEncoder.encode(pixels as tf.Tensor4D, context), this.embedDim);
  }

  #encodeText(text: TextTensors, context: Context): Encoded {
    const where = 'train.MultiModalEncoder.encodeText';
    return checkEncoded(where, this.textEncoder.encode(checkTextTensors(where, text), context), this.embedDim);
  }

  #fuse(image: Encoded, text: Encoded, context: Context): Fused {
    return checkFused('train.MultiModalEncoder.fuse', this.#fusion().fuse(image, text, context), this.embedDim);
  }

  #fusion(): Fusion {
    if (this.fusionLayer) return this.fusionLayer;
    throw new ConfigError({
      where: 'train.MultiModalEncoder.fuse',
      problem: 'this model has no fusion',
      remedy: 'build it with one: new MultiModalEncoder({ image, text, fusion })',
    });
  }
}

const DESCRIBED_AS: Readonly<Record<string, string>> = {
  image_encoder: 'image',
  text_encoder: 'text',
  fusion_layer: 'fusion',
};

function describePart(prefix: string, part: Stateful) {
  if (part.describe) return { ...part.describe() };
  throw new ConfigError({
    where: `train.MultiModalEncoder.describe: ${prefix}`,
    problem: 'this part has no describe(), so it cannot be built again from a checkpoint',
    remedy: "give it `describe() { return { kind: 'my/kind', options: {…} } }` and pass the kind's builder to load()",
  });
}

function checkWidths(image: ImageEncoder, text: TextEncoder, fusion: Fusion | undefined): void {
  const widths = { image: image.embedDim, text: text.embedDim, ...(fusion && { fusion: fusion.embedDim }) };
  if (new Set(Object.values(widths)).size === 1) return;
  throw new ConfigError({
    where: 'train.MultiModalEncoder',
    expected: 'one embedDim for all parts',
    got: Object.entries(widths)
      .map(([part, width]) => `${part} ${width}`)
      .join(', '),
    remedy: 'build the towers with the same `embedDim`: each then ends in a linear layer to that width',
  });
}
