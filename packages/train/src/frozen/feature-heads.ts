import {
  ConfigError,
  type Context,
  checkEncoded,
  checkFields,
  checkMethods,
  checkOptions,
  checkShape,
  type Encoded,
  type Encoder,
  type Fusion,
  type ImageEncoder,
  type ImageInput,
  type OptionNames,
  type PartDescription,
  ShapeError,
  type TextEncoder,
  type TextInput,
} from '@diptych/core';
import { generatorOf, Linear, Module, type RandomWeights } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { describePart } from '../describe-part.js';
import { MultiModalEncoder } from '../multi-modal-encoder.js';

/** Options of a head on stored features. */
export interface FeatureHeadOptions extends RandomWeights {
  /** Width of the stored features. */
  readonly featureDim: number;
  /** Width of the result. */
  readonly embedDim: number;
}

const OPTIONS: OptionNames<FeatureHeadOptions> = {
  featureDim: 'required',
  embedDim: 'required',
  seed: 'optional',
  generator: 'optional',
};

/** A linear layer on stored features. */
abstract class FeatureHead extends Module {
  readonly linear: Linear;
  readonly embedDim: number;
  readonly #kind: string;

  constructor(where: string, kind: string, options: FeatureHeadOptions) {
    super();
    checkOptions(where, options, OPTIONS);
    const { featureDim, embedDim } = options;
    this.#kind = kind;
    this.embedDim = embedDim;
    this.linear = new Linear(featureDim, embedDim, { generator: generatorOf(options, kind) });
  }

  override describe(): PartDescription {
    const { inFeatures, outFeatures } = this.linear;
    return { kind: this.#kind, options: { featureDim: inFeatures, embedDim: outFeatures } };
  }
}

/** A linear layer on features that a frozen image tower gave before, read as pixels of shape [B, 1, 1, featureDim]. */
export class ImageFeatureHead extends FeatureHead implements ImageEncoder {
  constructor(options: FeatureHeadOptions) {
    super('train.ImageFeatureHead', 'train/image-feature-head', options);
  }

  /** @throws ShapeError if the features have another width */
  encode(features: ImageInput): Encoded {
    const { inFeatures } = this.linear;
    checkShape('train.ImageFeatureHead', 'features', features, ['B', 1, 1, inFeatures]);
    return oneToken(this.linear.forward(tf.reshape(features, [-1, inFeatures])));
  }
}

/** A linear layer on features that a frozen text tower gave before (`TextInput.features`). */
export class TextFeatureHead extends FeatureHead implements TextEncoder {
  constructor(options: FeatureHeadOptions) {
    super('train.TextFeatureHead', 'train/text-feature-head', options);
  }

  /** @throws ShapeError if there are no features, or of another width */
  encode({ features }: TextInput): Encoded {
    if (!features) {
      throw new ShapeError({
        where: 'train.TextFeatureHead',
        expected: 'stored features',
        got: 'token ids',
        remedy:
          'train it on the batches of cacheFeatures(), and put it on its tower afterwards: withTowers(model, { image, text })',
      });
    }
    checkShape('train.TextFeatureHead', 'features', features, ['B', this.linear.inFeatures]);
    return oneToken(this.linear.forward(features));
  }
}

function oneToken(pooled: tf.Tensor2D): Encoded {
  return { pooled, sequence: tf.expandDims(pooled, 1) };
}

/**
 * A tower with a trained head on top: pixels or tokens in, the head's vectors out. The tower's sequence goes through the same
 * linear layer. Parameters are named `tower.*` and `head.*`; they are the tower's and the head's own.
 *
 * @throws ConfigError if the head was made for another width
 */
export function withHead(tower: ImageEncoder, head: ImageFeatureHead): HeadedTower<ImageInput>;
export function withHead(tower: TextEncoder, head: TextFeatureHead): HeadedTower<TextInput>;
export function withHead<Input>(tower: Encoder<Input>, head: ImageFeatureHead | TextFeatureHead): HeadedTower<Input> {
  checkFields('train.withHead', 'a head', head, ['linear']);
  return new HeadedTower(tower, head.linear);
}

/** See {@link withHead}. */
export class HeadedTower<Input> extends Module implements Encoder<Input> {
  readonly tower: Encoder<Input>;
  readonly head: Linear;
  readonly embedDim: number;

  /** @throws ConfigError if the layer takes another width than the tower gives */
  constructor(tower: Encoder<Input>, head: Linear) {
    super();
    checkMethods('train.HeadedTower', tower, ['encode'], 'pass an encoder and a Linear');
    checkMethods('train.HeadedTower', head, ['forward'], 'pass an encoder and a Linear');
    if (tower.embedDim !== head.inFeatures) {
      throw new ConfigError({
        where: 'train.withHead',
        expected: `a tower of width ${head.inFeatures}, which the head was trained on`,
        got: String(tower.embedDim),
      });
    }
    this.tower = tower;
    this.head = head;
    this.embedDim = head.outFeatures;
  }

  /** Of a text tower: token ids run from 0 to one less. */
  get vocabSize(): number | undefined {
    return (this.tower as TextEncoder).vocabSize;
  }

  /** The tower's token table, where it has one: `resizeTokenEmbeddings` of `@diptych/text` looks for it. */
  get tokenEmbedding(): unknown {
    return (this.tower as { readonly tokenEmbedding?: unknown }).tokenEmbedding;
  }

  /** The tower's `pooled` and `sequence` through the head: [B, embedDim], [B, T, embedDim]. */
  encode(input: Input, context: Context): Encoded {
    const output = checkEncoded('train.withHead', this.tower.encode(input, context), this.tower.embedDim);
    const { pooled, sequence, mask } = output;
    return { pooled: this.head.forward(pooled), sequence: this.head.forward(sequence), mask };
  }

  /** @throws ConfigError if the tower cannot be described */
  override describe(): PartDescription {
    const tower = describePart('train.withHead: tower', this.tower);
    return { kind: 'train/headed-tower', options: { tower, embedDim: this.embedDim } };
  }
}

/**
 * A model whose heads were trained on stored features, on its towers: pictures and texts in. Fusion, matcher, logit scale and
 * bias are the trained ones. It takes the trained model's parts over, so dispose one of the two.
 *
 * @param trained whose `image`, `text` or both are feature heads
 * @param towers the frozen towers that made the features
 * @throws ConfigError if a tower is missing for a head, or there is no head for a tower
 */
export function withTowers<F extends Fusion | undefined>(
  trained: MultiModalEncoder<F>,
  towers: { readonly image?: ImageEncoder; readonly text?: TextEncoder },
): MultiModalEncoder<F> {
  checkFields('train.withTowers', 'a model', trained, ['image', 'text']);
  checkOptions('train.withTowers', towers, { image: 'optional', text: 'optional' });
  const { image, text, fusion, matcher = false, heads, maxScale, logitScale, logitBias } = trained;
  checkTower('image', image instanceof ImageFeatureHead, towers.image);
  checkTower('text', text instanceof TextFeatureHead, towers.text);
  const whole = new MultiModalEncoder<F>({
    image: towers.image && image instanceof ImageFeatureHead ? withHead(towers.image, image) : image,
    text: towers.text && text instanceof TextFeatureHead ? withHead(towers.text, text) : text,
    fusion,
    matcher,
    heads: heads.byName,
    maxScale,
    logitBias: logitBias && 0,
  });
  whole.logitScale.assign(logitScale);
  if (logitBias) whole.logitBias?.assign(logitBias);
  return whole;
}

function checkTower(name: string, isHead: boolean, tower: Encoder<never> | undefined): void {
  if (isHead === (tower !== undefined)) return;
  throw new ConfigError({
    where: `train.withTowers: ${name}`,
    expected: isHead ? 'the tower that made the features' : 'a model whose part is a feature head, for this tower',
    got: isHead ? 'none' : 'another part',
  });
}
