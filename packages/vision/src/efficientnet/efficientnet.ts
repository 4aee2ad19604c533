import type { Context, Encoded, ImageInput } from '@diptych/core';
import { activate, BatchNorm2d, generatorOf, Linear } from '@diptych/nn';
import type { WeightSource } from '@diptych/weights';
import type * as tf from '@tensorflow/tfjs-core';
import { checkMultiplier } from '../encoder-options.js';
import { globalAverage, gridToTokens } from '../grid.js';
import { type MobileBlock, MobileConv2d, mobileStages, type SqueezeStyle } from '../mobile-blocks.js';
import {
  loadMobileNetwork,
  MobileNetwork,
  type MobileNetworkOptions,
  type PretrainedMobileOptions,
} from '../mobile-network.js';
import { checkPixels } from '../pixels.js';
import {
  EFFICIENTNETS,
  type EfficientNetConfig,
  type EfficientNetName,
  efficientNetShape,
} from './efficientnet-configs.js';
import { efficientNetOf } from './efficientnet-pretrained.js';

/** Options of {@link EfficientNet}. */
export type EfficientNetOptions = MobileNetworkOptions;

const SQUEEZE: SqueezeStyle = { of: 'input', activation: 'silu', gate: 'sigmoid' };

/**
 * EfficientNet B0 to B4 and Lite0 to Lite4, with timm's parameter names.
 *
 * `pooled` is the average over the last grid, through `classifier` where there is one; `sequence` is each position of that
 * grid, through the same layer, so that its mean is `pooled`. Pictures may have any size of at least 32; the networks were
 * trained on 224 (B0, Lite0), 240, 260, 300 (Lite3: 280) and 380 (Lite4: 300) pixels.
 *
 * Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks (2019),
 * https://arxiv.org/abs/1905.11946.
 */
export class EfficientNet extends MobileNetwork<EfficientNetName, EfficientNetConfig> {
  readonly convStem: MobileConv2d;
  readonly bn1: BatchNorm2d;
  readonly blocks: readonly (readonly MobileBlock[])[];
  readonly convHead: MobileConv2d;
  readonly bn2: BatchNorm2d;
  readonly classifier: Linear | undefined;
  readonly embedDim: number;
  readonly #activation;

  /**
   * @param architecture a name of {@link EFFICIENTNET_CONFIGS}, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: EfficientNetName | EfficientNetConfig, options: EfficientNetOptions = {}) {
    super(architecture, EFFICIENTNETS, options, 'vision/efficientnet');
    const { inChannels } = this;
    const { tensorflow = false, widthMultiplier = 1, depthMultiplier = 1 } = this.config;
    const { dropPathRate } = this;
    const { embedDim } = options;
    checkMultiplier(this.where, 'widthMultiplier', widthMultiplier);
    checkMultiplier(this.where, 'depthMultiplier', depthMultiplier);

    const generator = generatorOf(options, 'vision/efficientnet');
    const style = { eps: tensorflow ? 1e-3 : 1e-5, padSame: tensorflow, generator };
    const { stemChannels, stages, headChannels, activation } = efficientNetShape(this.config);
    this.#activation = activation;
    this.convStem = new MobileConv2d(inChannels, stemChannels, 3, { style, stride: 2 });
    this.bn1 = new BatchNorm2d(stemChannels, { eps: style.eps });
    this.blocks = mobileStages(stages, { inChannels: stemChannels, squeeze: SQUEEZE, dropPathRate, style });
    this.convHead = new MobileConv2d(stages.at(-1)!.channels, headChannels, 1, { style });
    this.bn2 = new BatchNorm2d(headChannels, { eps: style.eps });
    this.classifier = embedDim === undefined ? undefined : new Linear(headChannels, embedDim, { generator });
    this.embedDim = embedDim ?? headChannels;
  }

  /**
   * [B, H, W, 3] -> `pooled` [B, embedDim], `sequence` [B, ceil(H/32) * ceil(W/32), embedDim].
   *
   * @throws ShapeError if the pictures do not have this shape
   */
  encode(pixels: ImageInput, context: Context): Encoded {
    const grid = this.features(pixels, context);
    const [pooled, sequence] = [globalAverage(grid), gridToTokens(grid)];
    if (!this.classifier) return { pooled, sequence };
    return { pooled: this.classifier.forward(pooled), sequence: this.classifier.forward(sequence) };
  }

  /** The last grid: [B, H, W, 3] -> [B, ceil(H/32), ceil(W/32), head's width]. */
  features(pixels: ImageInput, context: Context): tf.Tensor4D {
    checkPixels(this.where, pixels, { channels: this.inChannels });
    const stem = activate(this.bn1.forward(this.convStem.forward(pixels), context), this.#activation);
    const last = this.blocks.flat().reduce((grid, block) => block.forward(grid, context), stem);
    return activate(this.bn2.forward(this.convHead.forward(last), context), this.#activation);
  }

  /**
   * Builds the network of a checkpoint of timm's, or of transformers' (`google/efficientnet-b0`), and loads it.
   *
   * Without `embedDim` there is no `classifier`; with it, the checkpoint's is taken if it has this width, and a new one starts
   * from `seed` if not (`report.fresh` lists it). `transform` holds the settings of the pictures that the weights expect.
   *
   * @param model a folder, a hub id, or a source
   * @throws WeightsError, HubError if the checkpoint is missing, damaged or does not fit; ConfigError for another family
   */
  static async fromPretrained(
    model: string | WeightSource,
    options: PretrainedMobileOptions = {},
  ): Promise<EfficientNet> {
    return loadMobileNetwork(model, options, {
      where: 'vision.EfficientNet.fromPretrained',
      read: efficientNetOf,
      build: (architecture: EfficientNetName | EfficientNetConfig, own) => new EfficientNet(architecture, own),
    });
  }
}
