import { ConfigError, type Context, checkPositive, type Encoded, type ImageInput } from '@diptych/core';
import { activate, BatchNorm2d, generatorOf, Linear, Module } from '@diptych/nn';
import type { WeightSource } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { checkMultiplier } from '../encoder-options.js';
import { globalAverage, gridToTokens } from '../grid.js';
import { type MobileBlock, MobileConv2d, type MobileStyle, mobileStages, type SqueezeStyle } from '../mobile-blocks.js';
import {
  loadMobileNetwork,
  MobileNetwork,
  type MobileNetworkOptions,
  type PretrainedMobileOptions,
} from '../mobile-network.js';
import { checkPixels } from '../pixels.js';
import {
  MOBILENETS_V3,
  type MobileNetV3Config,
  type MobileNetV3Name,
  mobileNetV3Shape,
} from './mobilenet-v3-configs.js';
import { mobileNetV3Of } from './mobilenet-v3-pretrained.js';

/** Options of {@link MobileNetV3}. */
export type MobileNetV3Options = MobileNetworkOptions;

const SQUEEZE: SqueezeStyle = { of: 'expanded', activation: 'relu', gate: 'hardsigmoid' };

/** The 1x1 convolution after the blocks, a stage of its own in timm's names (`blocks.6.0`). */
class ConvolutionStage extends Module {
  readonly conv: MobileConv2d;
  readonly bn1: BatchNorm2d;

  constructor(inChannels: number, outChannels: number, style: MobileStyle) {
    super();
    this.conv = new MobileConv2d(inChannels, outChannels, 1, { style });
    this.bn1 = new BatchNorm2d(outChannels, { eps: style.eps });
  }

  forward(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    return activate(this.bn1.forward(this.conv.forward(x), context), 'hardswish');
  }
}

/**
 * MobileNetV3 small and large, with timm's parameter names.
 *
 * `pooled` is the average over the last grid, through the head (a linear layer with hard swish) and `classifier` where
 * there is one; `sequence` is each position of that grid through the same layers. The head is not linear, so the mean of
 * `sequence` is not `pooled`. Pictures may have any size of at least 32; 224 in training.
 *
 * Howard et al., Searching for MobileNetV3 (2019), https://arxiv.org/abs/1905.02244.
 */
export class MobileNetV3 extends MobileNetwork<MobileNetV3Name, MobileNetV3Config> {
  readonly convStem: MobileConv2d;
  readonly bn1: BatchNorm2d;
  readonly blocks: readonly (readonly (MobileBlock | ConvolutionStage)[])[];
  readonly convHead: MobileConv2d;
  readonly classifier: Linear | undefined;
  readonly embedDim: number;

  /**
   * @param architecture a name of {@link MOBILENET_V3_CONFIGS}, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: MobileNetV3Name | MobileNetV3Config, options: MobileNetV3Options = {}) {
    super(architecture, MOBILENETS_V3, options, 'vision/mobilenet-v3');
    const { inChannels } = this;
    const { size, widthMultiplier = 1, headChannels, tensorflow = false } = this.config;
    const { eps = tensorflow ? 1e-3 : 1e-5 } = this.config;
    const { dropPathRate } = this;
    const { embedDim } = options;
    if (size !== 'small' && size !== 'large') {
      throw new ConfigError({ where: this.where, expected: "size to be 'small' or 'large'", got: String(size) });
    }
    checkMultiplier(this.where, 'widthMultiplier', widthMultiplier);
    if (headChannels !== undefined) checkPositive(this.where, 'headChannels', headChannels);

    const generator = generatorOf(options, 'vision/mobilenet-v3');
    const style = { eps, padSame: tensorflow, generator };
    const shape = mobileNetV3Shape(this.config);
    const { stemChannels, stages, lastChannels } = shape;
    this.convStem = new MobileConv2d(inChannels, stemChannels, 3, { style, stride: 2 });
    this.bn1 = new BatchNorm2d(stemChannels, { eps: style.eps });
    this.blocks = [
      ...mobileStages(stages, { inChannels: stemChannels, squeeze: SQUEEZE, dropPathRate, style }),
      [new ConvolutionStage(stages.at(-1)!.channels, lastChannels, style)],
    ];
    this.convHead = new MobileConv2d(lastChannels, shape.headChannels, 1, { style, bias: true });
    this.classifier = embedDim === undefined ? undefined : new Linear(shape.headChannels, embedDim, { generator });
    this.embedDim = embedDim ?? shape.headChannels;
  }

  /**
   * [B, H, W, 3] -> `pooled` [B, embedDim], `sequence` [B, ceil(H/32) * ceil(W/32), embedDim].
   *
   * @throws ShapeError if the pictures do not have this shape
   */
  encode(pixels: ImageInput, context: Context): Encoded {
    const grid = this.features(pixels, context);
    const average = globalAverage(grid); // [B, C]
    const [batch, channels] = average.shape;
    const pooled = this.#head(tf.reshape(average, [batch, 1, 1, channels]));
    return { pooled: tf.reshape(pooled, [batch, this.embedDim]), sequence: this.#head(grid) };
  }

  /** The last grid: [B, H, W, 3] -> [B, ceil(H/32), ceil(W/32), 960 (small: 576)]. */
  features(pixels: ImageInput, context: Context): tf.Tensor4D {
    checkPixels(this.where, pixels, { channels: this.inChannels });
    const stem = activate(this.bn1.forward(this.convStem.forward(pixels), context), 'hardswish');
    return this.blocks.flat().reduce((grid, block) => block.forward(grid, context), stem);
  }

  /**
   * Builds the network of a checkpoint of timm's and loads it.
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
  ): Promise<MobileNetV3> {
    return loadMobileNetwork(model, options, {
      where: 'vision.MobileNetV3.fromPretrained',
      read: mobileNetV3Of,
      build: (architecture: MobileNetV3Name | MobileNetV3Config, own) => new MobileNetV3(architecture, own),
    });
  }

  /** [B, H, W, C] -> [B, H * W, embedDim]. */
  #head(grid: tf.Tensor4D): tf.Tensor3D {
    const tokens = gridToTokens(activate(this.convHead.forward(grid), 'hardswish'));
    return this.classifier ? this.classifier.forward(tokens) : tokens;
  }
}
