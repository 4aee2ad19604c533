import {
  ConfigError,
  type Context,
  checkEncoded,
  checkFused,
  checkOptions,
  checkShape,
  checkTextTensors,
  type Encoded,
  type EncoderOutput,
  type Fused,
  type FusedOutputs,
  type Fusion,
  type Head,
  hasPlaceholders,
  type ImageEncoder,
  inference,
  isStateful,
  type OptionNames,
  type PartDescription,
  type Stateful,
  type TextEncoder,
  type TextTensors,
  type TowerOutputs,
} from '@diptych/core';
import { Generator, Linear, Module, parameter } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { describePart } from './describe-part.js';
import { gatherRows } from './gather-rows.js';
import { describeHeads, Heads } from './heads/heads.js';
import type { TrainableModel } from './trainable-model.js';

/** Turns joint vectors [P, D] into one logit each, [P, 1] or [P]: a Linear, or a part of your own. */
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
  /** What reads labels out of a pair, by the name of their column: `{ group: new Classification({ … }) }`. Default: none. */
  readonly heads?: { readonly [name: string]: Head };
  /** ln of the factor on cosine similarities to start from; default ln(1 / 0.07), as CLIP. */
  readonly logitScale?: number;
  /** Largest factor after an update, default 100 as CLIP; the smallest is 1. null: no bounds (SigLIP). */
  readonly maxScale?: number | null;
  /** Start value of the bias on scaled similarities (SigLIP: -10). Default: the model has none. */
  readonly logitBias?: number;
  /** For the matcher's first weights, where it is made here. Default 0. */
  readonly seed?: number;
  /** In place of the seed. */
  readonly generator?: Generator;
}

const WHERE = 'train.MultiModalEncoder';

const OPTIONS: OptionNames<MultiModalEncoderOptions> = {
  image: 'required',
  text: 'required',
  fusion: 'optional',
  matcher: 'optional',
  heads: 'optional',
  logitScale: 'optional',
  maxScale: 'optional',
  logitBias: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * Two towers with one width, a learnable scale of their similarities, and optionally a fusion with a matcher on top.
 *
 * Parts are nn Modules or any objects with the interfaces of core. Each has one word, as option, property, tower and beginning
 * of its parameters' names: `image.*`, `text.*`, `fusion.*`, `matcher.*`, beside `logit_scale` and `logit_bias`. Source of
 * scale and clamp: CLIP (Radford et al. 2021); of the bias: SigLIP (Zhai et al. 2023).
 */
export class MultiModalEncoder<F extends Fusion | undefined = undefined>
  extends Module
  implements TrainableModel<OutputsOf<F>>
{
  readonly embedDim: number;
  readonly image: ImageEncoder;
  readonly text: TextEncoder;
  readonly fusion: F;
  readonly matcher: Matcher | undefined;
  /** Empty where the model has none. */
  readonly heads: Heads;
  readonly logitScale: tf.Variable<tf.Rank.R0>;
  readonly logitBias: tf.Variable<tf.Rank.R0> | undefined;
  readonly maxScale: number | null;

  /** @throws ConfigError if a part is missing or none, an option is unknown, or the parts' widths differ */
  constructor(options: MultiModalEncoderOptions<F>) {
    super();
    checkOptions<MultiModalEncoderOptions<Fusion | undefined>>(WHERE, options, OPTIONS);
    const { image, text, fusion, matcher = fusion !== undefined, maxScale = 100, logitBias, seed = 0 } = options;
    const { heads = {} } = options;
    const { logitScale = Math.log(1 / 0.07), generator = new Generator(seed, 'train/matcher') } = options;
    checkPart('image', image, 'encode');
    checkPart('text', text, 'encode');
    if (fusion) checkPart('fusion', fusion, 'fuse');
    if (typeof matcher === 'object') checkPart('matcher', matcher, 'forward');
    checkWidths(image, text, fusion);
    if (matcher && !fusion) {
      throw new ConfigError({
        where: WHERE,
        problem: 'a matcher reads fused vectors, and this model has no fusion',
        remedy: 'pass a fusion as well, or leave the matcher out',
      });
    }
    this.embedDim = image.embedDim;
    this.image = image;
    this.text = text;
    this.fusion = fusion as F;
    this.matcher = matcher === true ? new Linear(this.embedDim, 1, { generator }) : matcher || undefined;
    this.heads = new Heads(heads, this.embedDim, fusion !== undefined);
    this.logitScale = parameter(tf.scalar(logitScale));
    this.logitBias = logitBias === undefined ? undefined : parameter(tf.scalar(logitBias));
    this.maxScale = maxScale;
    this.bindPaths('');
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
   * @param image undefined where there is none
   * @param text the same
   * @throws ConfigError if the model has no fusion, or one of the two is missing and the fusion has no placeholders
   */
  fuse(image: EncoderOutput | undefined, text: EncoderOutput | undefined, context: Context = inference): Fused {
    const check = (name: string, output: EncoderOutput | undefined) =>
      output && checkEncoded(`${WHERE}.fuse: ${name}`, output, this.embedDim);
    const pair = [check('image', image), check('text', text)] as const;
    return tf.tidy(() => this.#fuse(...pair, context));
  }

  /** Both towers; what a loss sees of them. Call it inside `tf.tidy`. */
  forward(image: tf.Tensor, text: TextTensors, context: Context = inference): OutputsOf<F> {
    return this.relate(this.#encodeImage(image, context), this.#encodeText(text, context), context);
  }

  relate(image: Encoded, text: Encoded, context: Context): OutputsOf<F> {
    const { logitScale, logitBias } = this;
    const heads = this.heads.byName;
    const towers: TowerOutputs = { image, text, logitScale, logitBias, ...(heads && { heads }) };
    if (!this.fusion) return towers as OutputsOf<F>;
    const fused: FusedOutputs = {
      ...towers,
      fuse: (imageRows, textRows) => this.#fuse(rowsOf(image, imageRows), rowsOf(text, textRows), context),
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
    const where = `${WHERE}.matchLogits`;
    const { matcher } = this;
    if (!matcher) {
      throw new ConfigError({
        where,
        problem: 'this model has no matcher',
        remedy: 'build it with a fusion, and without `matcher: false`',
      });
    }
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
    const { image, text, fusion, matcher, maxScale, logitBias } = this;
    const where = `${WHERE}.describe`;
    return {
      kind: 'train/multi-modal-encoder',
      options: {
        image: describePart(`${where}: image`, image),
        text: describePart(`${where}: text`, text),
        fusion: fusion && describePart(`${where}: fusion`, fusion),
        // true: the layer that the constructor makes
        matcher: matcher && !isDefaultMatcher(matcher) ? describePart(`${where}: matcher`, matcher) : Boolean(matcher),
        heads: describeHeads(this.heads),
        maxScale,
        logitBias: logitBias ? 0 : undefined,
      },
    };
  }

  #encodeImage(pixels: tf.Tensor, context: Context): Encoded {
    const where = `${WHERE}.encodeImage`;
    checkShape(where, 'pixels', pixels, ['B', 'height', 'width', 'channels']);
    return checkEncoded(where, this.image.encode(pixels as tf.Tensor4D, context), this.embedDim);
  }

  #encodeText(text: TextTensors, context: Context): Encoded {
    const where = `${WHERE}.encodeText`;
    return checkEncoded(where, this.text.encode(checkTextTensors(where, text), context), this.embedDim);
  }

  #fuse(image: Encoded | undefined, text: Encoded | undefined, context: Context): Fused {
    const where = `${WHERE}.fuse`;
    const { fusion } = this;
    if (!fusion) {
      throw new ConfigError({
        where,
        problem: 'this model has no fusion',
        remedy: 'build it with one: new MultiModalEncoder({ image, text, fusion })',
      });
    }
    if (hasPlaceholders(fusion)) return checkFused(where, fusion.fuse(image, text, context), this.embedDim);
    if (image && text) return checkFused(where, fusion.fuse(image, text, context), this.embedDim);
    throw new ConfigError({
      where,
      problem: `the ${image ? 'text' : 'image'} is missing, and the fusion has no placeholder for it`,
      remedy:
        'build the fusion with `placeholders: true` (and train it with `modalityDropout`); one of your own says `hasPlaceholders: true`',
    });
  }
}

/** null: without this modality. */
function rowsOf(output: Encoded, rows: tf.Tensor | null | undefined): Encoded | undefined {
  if (rows === null) return undefined;
  return rows ? gatherRows(output, rows) : output;
}

function isDefaultMatcher(matcher: Matcher): boolean {
  return matcher instanceof Linear && matcher.bias !== undefined && matcher.lora === undefined;
}

function checkPart(name: string, part: unknown, method: string): void {
  if (isStateful(part) && method in part) return;
  throw new ConfigError({
    where: WHERE,
    expected: `${name} to be a part with ${method}(), namedParameters(), namedBuffers() and dispose()`,
    got: typeof part === 'object' ? `an object with ${Object.keys(part ?? {}).join(', ') || 'nothing'}` : typeof part,
    remedy: 'extend nn’s Module, or spread core’s `stateless` into an object that owns no variables',
  });
}

function checkWidths(image: ImageEncoder, text: TextEncoder, fusion: Fusion | undefined): void {
  const widths = { image: image.embedDim, text: text.embedDim, ...(fusion && { fusion: fusion.embedDim }) };
  if (new Set(Object.values(widths)).size === 1) return;
  throw new ConfigError({
    where: WHERE,
    expected: 'one embedDim for all parts',
    got: Object.entries(widths)
      .map(([part, width]) => `${part} ${width}`)
      .join(', '),
    remedy: 'build the towers with the same `embedDim`: each then ends in a linear layer to that width',
  });
}
