import {
  buffersOf,
  ConfigError,
  type Context,
  checkEncoded,
  checkShape,
  type Encoded,
  type ImageEncoder,
  type ImageInput,
  type PartDescription,
  parametersOf,
  ShapeError,
  type TextEncoder,
  type TextInput,
} from '@diptych/core';
import { generatorOf, Linear, Module, type RandomWeights } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** Options of a head on stored features. */
export interface FeatureHeadOptions extends RandomWeights {
  /** Width of the stored features. */
  readonly featureDim: number;
  /** Width of the result. */
  readonly embedDim: number;
}

/** A linear layer on features that a frozen image tower gave before, read as pixels of shape [B, 1, 1, featureDim]. */
export class ImageFeatureHead extends Module implements ImageEncoder {
  readonly linear: Linear;
  readonly embedDim: number;

  constructor(options: FeatureHeadOptions) {
    super();
    this.embedDim = options.embedDim;
    this.linear = new Linear(options.featureDim, options.embedDim, { generator: generatorOf(options) });
  }

  /** @throws ShapeError if the features have another width */
  encode(features: ImageInput): Encoded {
    const { inFeatures } = this.linear;
    checkShape('train.ImageFeatureHead', 'features', features, ['B', 1, 1, inFeatures]);
    return oneToken(this.linear.forward(tf.reshape(features, [-1, inFeatures])));
  }

  override describe(): PartDescription {
    return describeHead('train/image-feature-head', this.linear);
  }
}

/** A linear layer on features that a frozen text tower gave before (`TextInput.features`). */
export class TextFeatureHead extends Module implements TextEncoder {
  readonly linear: Linear;
  readonly embedDim: number;

  constructor(options: FeatureHeadOptions) {
    super();
    this.embedDim = options.embedDim;
    this.linear = new Linear(options.featureDim, options.embedDim, { generator: generatorOf(options) });
  }

  /** @throws ShapeError if there are no features, or of another width */
  encode({ features }: TextInput): Encoded {
    if (!features) {
      throw new ShapeError({
        where: 'train.TextFeatureHead',
        expected: 'stored features',
        got: 'token ids',
        remedy: 'train it on the batches of cacheFeatures(), and put it on its tower afterwards: withHead(tower, head)',
      });
    }
    checkShape('train.TextFeatureHead', 'features', features, ['B', this.linear.inFeatures]);
    return oneToken(this.linear.forward(features));
  }

  override describe(): PartDescription {
    return describeHead('train/text-feature-head', this.linear);
  }
}

function oneToken(pooled: tf.Tensor2D): Encoded {
  return { pooled, sequence: tf.expandDims(pooled, 1) };
}

function describeHead(kind: string, { inFeatures, outFeatures }: Linear): PartDescription {
  return { kind, options: { featureDim: inFeatures, embedDim: outFeatures } };
}

/**
 * A tower with a trained head on top: pixels or tokens in, the head's vectors out. The tower's sequence goes through the same
 * linear layer. Parameters are named `tower.*` and `head.*`.
 *
 * @throws ConfigError if the head was made for another width
 */
export function withHead(tower: ImageEncoder, head: ImageFeatureHead): ImageEncoder;
export function withHead(tower: TextEncoder, head: TextFeatureHead): TextEncoder;
export function withHead(
  tower: ImageEncoder | TextEncoder,
  head: ImageFeatureHead | TextFeatureHead,
): ImageEncoder & TextEncoder {
  // what goes in is the tower's own affair
  return new HeadedTower(tower as ImageEncoder, head.linear, head.embedDim) as unknown as ImageEncoder & TextEncoder;
}

class HeadedTower extends Module implements ImageEncoder {
  readonly head: Linear;
  readonly embedDim: number;
  readonly #tower: ImageEncoder;

  constructor(tower: ImageEncoder, head: Linear, embedDim: number) {
    super();
    if (tower.embedDim !== head.inFeatures) {
      throw new ConfigError({
        where: 'train.withHead',
        expected: `a tower of width ${head.inFeatures}, which the head was trained on`,
        got: String(tower.embedDim),
      });
    }
    this.head = head;
    this.embedDim = embedDim;
    this.#tower = tower;
  }

  encode(input: ImageInput, context: Context): Encoded {
    const { pooled, sequence, mask } = checkEncoded(
      'train.withHead',
      this.#tower.encode(input, context),
      this.head.inFeatures,
    );
    return { pooled: this.head.forward(pooled), sequence: this.head.forward(sequence), mask };
  }

  override bindPaths(path: string): this {
    if (this.#tower instanceof Module) this.#tower.bindPaths(`${path}.tower`);
    return super.bindPaths(path);
  }

  override *namedParameters(): Iterable<[string, tf.Variable]> {
    for (const [name, variable] of parametersOf(this.#tower)) yield [`tower.${name}`, variable];
    for (const [name, variable] of this.head.namedParameters()) yield [`head.${name}`, variable];
  }

  override *namedBuffers(): Iterable<[string, tf.Variable]> {
    for (const [name, variable] of buffersOf(this.#tower)) yield [`tower.${name}`, variable];
  }

  override dispose(): void {
    this.#tower.dispose();
    this.head.dispose();
  }
}
