import {
  ConfigError,
  type Context,
  checkPositive,
  describeArchitecture,
  type Encoded,
  type ImageInput,
  type OptionNames,
  type PartDescription,
} from '@diptych/core';
import {
  BlankGenerator,
  Conv2d,
  type Generator,
  generatorOf,
  LayerNorm,
  type Linear,
  Module,
  normal,
  parameter,
  type RandomWeights,
  tokenAt,
} from '@diptych/nn';
import { chainAdapters, checkPretrained, loadPretrained, openSource, type WeightSource } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { checkDivides, checkDropPathRate } from '../encoder-options.js';
import { gridToTokens, tokensAfter } from '../grid.js';
import { ImageNetwork } from '../image-network.js';
import { checkPixels } from '../pixels.js';
import { type SizedPretrainedOptions, withImageSize } from '../pretrained/image-size.js';
import { withPositionGrid } from '../pretrained/position-grid.js';
import { timmLinear } from '../timm-linear.js';
import { ViTBlock } from './vit-block.js';
import { VITS, type ViTConfig, type ViTName } from './vit-configs.js';
import { vitOf } from './vit-pretrained.js';

/** Options of {@link ViT}. */
export interface ViTOptions extends RandomWeights {
  /** Width of the result: adds `head`, a linear layer from the tokens' width. Without it there is no `head`. */
  readonly embedDim?: number;
  /** Side of the pictures where it is not the configuration's; a multiple of the patch size. */
  readonly imageSize?: number;
  /** In place of the configuration's. */
  readonly pooling?: 'cls' | 'mean';
  /** Stochastic depth in training: the last block's rate, growing linearly from 0 at the first. Default 0. */
  readonly dropPathRate?: number;
}

/** Options of {@link ViT.fromPretrained}. */
export interface ViTPretrainedOptions extends SizedPretrainedOptions, Pick<ViTOptions, 'pooling' | 'dropPathRate'> {}

/** timm calls the last normalisation by whether it comes before or after pooling; a checkpoint of one serves the other. */
const CLS_NORM = { from: /^fc_norm\./, to: 'norm.' };
const MEAN_NORM = { from: /^norm\./, to: 'fc_norm.' };

/** Patches as one convolution whose stride is its kernel: [B, H, W, C] -> [B, H/p * W/p, D]. */
class PatchEmbed extends Module {
  readonly proj: Conv2d;

  constructor(inChannels: number, hiddenSize: number, patchSize: number, generator: Generator) {
    super();
    this.proj = new Conv2d(inChannels, hiddenSize, patchSize, { generator, stride: patchSize });
  }

  forward(pixels: tf.Tensor4D): tf.Tensor3D {
    return gridToTokens(this.proj.forward(pixels));
  }
}

const OPTIONS: OptionNames<ViTOptions> = {
  embedDim: 'optional',
  imageSize: 'optional',
  pooling: 'optional',
  dropPathRate: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * timm's VisionTransformer, with its parameter names (`cls_token`, `pos_embed`, `patch_embed.proj`, `blocks.N`, `norm` or
 * `fc_norm`, `head`).
 *
 * `pooled` is the normalised class token, or with `pooling: 'mean'` the normalised mean of the patch tokens; `sequence`
 * is the normalised patch tokens, row by row. Both go through `head` where there is one.
 *
 * Dosovitskiy et al., An Image is Worth 16x16 Words (2021), https://arxiv.org/abs/2010.11929.
 */
export class ViT extends ImageNetwork<ViTName, ViTConfig> {
  readonly clsToken: tf.Variable<tf.Rank.R3> | undefined;
  readonly posEmbed: tf.Variable<tf.Rank.R3>;
  readonly patchEmbed: PatchEmbed;
  readonly blocks: readonly ViTBlock[];
  readonly norm: LayerNorm | undefined;
  readonly fcNorm: LayerNorm | undefined;
  readonly head: Linear | undefined;
  readonly embedDim: number;
  readonly imageSize: number;
  readonly pooling: 'cls' | 'mean';
  readonly dropPathRate: number;

  /**
   * @param architecture a name of {@link VIT_CONFIGS}, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: ViTName | ViTConfig, options: ViTOptions = {}) {
    super(architecture, VITS, options, OPTIONS);
    const { config, inChannels } = this;
    const { patchSize, hiddenSize, numLayers, numHeads, intermediateSize = 4 * hiddenSize, classToken = true } = config;
    const { layerNormEps = 1e-6 } = config;
    this.imageSize = options.imageSize ?? config.imageSize ?? 224;
    this.pooling = options.pooling ?? config.pooling ?? 'cls';
    this.dropPathRate = options.dropPathRate ?? 0;
    const { embedDim } = options;
    this.#check();

    const generator = generatorOf(options, 'vision/vit');
    const tokens = this.gridSize ** 2 + (classToken ? 1 : 0);
    this.clsToken = classToken ? parameter(normal(1e-6)([1, 1, hiddenSize], generator)) : undefined;
    this.posEmbed = parameter(normal(0.02)([1, tokens, hiddenSize], generator));
    this.patchEmbed = new PatchEmbed(inChannels, hiddenSize, patchSize, generator);
    this.blocks = Array.from({ length: numLayers }, (_, index) => {
      const dropPath = numLayers > 1 ? (this.dropPathRate * index) / (numLayers - 1) : 0;
      return new ViTBlock({ hiddenSize, numHeads, intermediateSize, layerNormEps, dropPath, generator });
    });
    const norm = new LayerNorm(hiddenSize, { eps: layerNormEps });
    this.norm = this.pooling === 'cls' ? norm : undefined;
    this.fcNorm = this.pooling === 'mean' ? norm : undefined;
    this.head = embedDim === undefined ? undefined : timmLinear(hiddenSize, embedDim, generator);
    this.embedDim = embedDim ?? hiddenSize;
  }

  /** Patches along a side; `sequence` has its square as length. */
  get gridSize(): number {
    return this.imageSize / this.config.patchSize;
  }

  /**
   * [B, imageSize, imageSize, 3] -> `pooled` [B, embedDim], `sequence` [B, gridSize^2, embedDim].
   *
   * @throws ShapeError if the pictures have another size
   */
  encode(pixels: ImageInput, context: Context): Encoded {
    const tokens = this.tokens(pixels, context);
    const patches = tokensAfter(tokens, this.clsToken ? 1 : 0);
    const pooled = this.pooling === 'mean' ? tf.mean<tf.Tensor2D>(patches, 1) : tokenAt(tokens, 0);
    const norm = (this.norm ?? this.fcNorm)!;
    return { pooled: this.#project(norm.forward(pooled)), sequence: this.#project(norm.forward(patches)) };
  }

  /** All tokens after the last block, before the last normalisation, the class token first: [B, 1 + patches, hiddenSize]. */
  tokens(pixels: ImageInput, context: Context): tf.Tensor3D {
    const { imageSize } = this;
    checkPixels(this.where, pixels, { height: imageSize, width: imageSize, channels: this.inChannels });
    const patches = this.patchEmbed.forward(pixels);
    const tokens: tf.Tensor3D = tf.add(this.clsToken ? withFirstToken(this.clsToken, patches) : patches, this.posEmbed);
    return this.blocks.reduce((x, block) => block.forward(x, context), tokens);
  }

  /**
   * Builds the network of a checkpoint and loads it: timm's (`timm/vit_base_patch16_224.augreg_in21k`) or transformers'
   * (`google/vit-base-patch16-224`).
   *
   * Without `embedDim` there is no `head`; with it, the checkpoint's is taken if it has this width, and a new one starts from
   * `seed` if not (`report.fresh` lists it). `transform` holds the settings of the pictures that the weights expect.
   *
   * @param model a folder, a hub id, or a source
   * @throws WeightsError, HubError if the checkpoint is missing, damaged or does not fit; ConfigError for another family
   */
  static async fromPretrained(model: string | WeightSource, options: ViTPretrainedOptions = {}): Promise<ViT> {
    checkPretrained('vision.ViT.fromPretrained', options, ['imageSize', 'pooling', 'dropPathRate']);
    const { embedDim, imageSize, pooling, dropPathRate } = options;
    const settings = { embedDim, imageSize, pooling, dropPathRate, generator: new BlankGenerator() };
    return loadPretrained(openSource(model, options.hub), options, {
      read: vitOf,
      build: (architecture: ViTName | ViTConfig) => new ViT(architecture, settings),
      adapt: (adapter, { norm }) => chainAdapters(adapter, { rules: [norm ? CLS_NORM : MEAN_NORM] }),
      head: ({ head, embedDim: width }) =>
        head && {
          name: 'head',
          layer: head,
          make: () => timmLinear(head.inFeatures, width, generatorOf(options, 'vision/vit/head')),
        },
      headTensors: /^head\./,
      prepare: (tensors, { clsToken, gridSize }, adapter) =>
        withPositionGrid(tensors, { adapter, target: 'pos_embed', prefix: clsToken ? 1 : 0, gridSize }),
      about: (made, { transform }) => ({ transform: withImageSize(transform, made.imageSize, made.config.imageSize) }),
    });
  }

  override describe(): PartDescription {
    const { imageSize, pooling, dropPathRate, head, embedDim } = this;
    const architecture = describeArchitecture(this.architecture);
    const options = { architecture, embedDim: head ? embedDim : undefined, imageSize, pooling, dropPathRate };
    return { kind: 'vision/vit', options };
  }

  #project<T extends tf.Tensor>(x: T): T {
    return this.head ? this.head.forward(x) : x;
  }

  #check(): void {
    const where = this.where;
    const { patchSize, hiddenSize, numLayers, numHeads, classToken = true } = this.config;
    const { imageSize, pooling, dropPathRate } = this;
    for (const [what, value] of Object.entries({ patchSize, hiddenSize, numLayers, numHeads, imageSize })) {
      checkPositive(where, what, value);
    }
    checkDivides(where, 'numHeads', numHeads, 'hiddenSize', hiddenSize);
    checkDivides(where, 'patchSize', patchSize, 'imageSize', imageSize);
    if (pooling !== 'cls' && pooling !== 'mean') {
      throw new ConfigError({ where, expected: "pooling to be 'cls' or 'mean'", got: String(pooling) });
    }
    if (pooling === 'cls' && !classToken) {
      throw new ConfigError({ where, problem: "pooling 'cls' needs a class token", remedy: "use pooling: 'mean'" });
    }
    checkDropPathRate(where, dropPathRate);
  }
}

/** [1, 1, D] and [B, T, D] -> [B, 1 + T, D]. */
function withFirstToken(token: tf.Tensor3D, tokens: tf.Tensor3D): tf.Tensor3D {
  return tf.concat([tf.tile(token, [tokens.shape[0], 1, 1]), tokens], 1);
}
