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
  BatchNorm2d,
  BlankGenerator,
  type Conv2d,
  generatorOf,
  Linear,
  maxPool2d,
  type RandomWeights,
} from '@diptych/nn';
import {
  checkPretrained,
  loadPretrained,
  openSource,
  type PretrainedOptions,
  type WeightSource,
} from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { globalAverage, gridToTokens } from '../grid.js';
import { ImageNetwork } from '../image-network.js';
import { checkPixels } from '../pixels.js';
import { BasicBlock, Bottleneck, convolution, type ResidualBlock } from './residual-blocks.js';
import { RESNETS, type ResNetConfig, type ResNetName } from './resnet-configs.js';
import { resnetOf } from './resnet-pretrained.js';

/** Options of {@link ResNet}. */
export interface ResNetOptions extends RandomWeights {
  /** Width of the result: adds `fc`, a linear layer from the last stage's width. Without it there is no `fc`. */
  readonly embedDim?: number;
}

/** What each stage of a {@link ResNet} gives, by torchvision's names; grids are [B, H, W, C]. */
export interface ResNetStages {
  readonly conv1: tf.Tensor4D;
  /** Before the ReLU. */
  readonly bn1: tf.Tensor4D;
  readonly maxpool: tf.Tensor4D;
  readonly layer1: tf.Tensor4D;
  readonly layer2: tf.Tensor4D;
  readonly layer3: tf.Tensor4D;
  readonly layer4: tf.Tensor4D;
  /** [B, features]. */
  readonly avgpool: tf.Tensor2D;
}

const OPTIONS: OptionNames<ResNetOptions> = { embedDim: 'optional', seed: 'optional', generator: 'optional' };

/**
 * torchvision's ResNet, wide ResNet and ResNeXt ("v1.5": the stride sits on the 3x3 convolution), with its parameter
 * names, which timm shares.
 *
 * `pooled` is the average over the last grid, through `fc` where there is one; `sequence` is each position of that grid,
 * through the same `fc`, so that its mean is `pooled`. Pictures may have any size; 224x224 gives a grid of 7x7.
 *
 * He et al., Deep Residual Learning for Image Recognition (2016), https://arxiv.org/abs/1512.03385; initial values as
 * torchvision draws them: Kaiming normal by the fan out, normalisation 1 and 0.
 */
export class ResNet extends ImageNetwork<ResNetName, ResNetConfig> {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly layer1: readonly ResidualBlock[];
  readonly layer2: readonly ResidualBlock[];
  readonly layer3: readonly ResidualBlock[];
  readonly layer4: readonly ResidualBlock[];
  readonly fc: Linear | undefined;
  readonly embedDim: number;

  /**
   * @param architecture a name of {@link RESNET_CONFIGS}, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: ResNetName | ResNetConfig, options: ResNetOptions = {}) {
    super(architecture, RESNETS, options, OPTIONS);
    const { config, inChannels } = this;
    const { block, layers, width = 64, groups = 1, widthPerGroup = 64 } = config;
    const { embedDim } = options;
    this.#check(config);

    const generator = generatorOf(options, 'vision/resnet');
    const Block = block === 'basic' ? BasicBlock : Bottleneck;
    this.conv1 = convolution(inChannels, width, 7, generator, { stride: 2 });
    this.bn1 = new BatchNorm2d(width);
    let channels = width;
    const stage = (index: number): ResidualBlock[] =>
      Array.from({ length: layers[index]! }, (_, position) => {
        const stride = index > 0 && position === 0 ? 2 : 1;
        const planes = width * 2 ** index;
        const made = new Block({ inChannels: channels, planes, stride, groups, widthPerGroup, generator });
        channels = made.outChannels;
        return made;
      });
    this.layer1 = stage(0);
    this.layer2 = stage(1);
    this.layer3 = stage(2);
    this.layer4 = stage(3);
    this.fc = embedDim === undefined ? undefined : new Linear(channels, embedDim, { generator });
    this.embedDim = embedDim ?? channels;
  }

  /**
   * [B, H, W, 3] -> `pooled` [B, embedDim], `sequence` [B, ceil(H/32) * ceil(W/32), embedDim].
   *
   * @throws ShapeError if the pictures do not have this shape
   */
  encode(pixels: ImageInput, context: Context): Encoded {
    const { layer4, avgpool } = this.stages(pixels, context);
    const tokens = gridToTokens(layer4);
    if (!this.fc) return { pooled: avgpool, sequence: tokens };
    return { pooled: this.fc.forward(avgpool), sequence: this.fc.forward(tokens) };
  }

  /** What each stage gives, for those who want an inner grid: detection, style, or a comparison with PyTorch. */
  stages(pixels: ImageInput, context: Context): ResNetStages {
    checkPixels(this.where, pixels, { channels: this.inChannels });
    const run = (blocks: readonly ResidualBlock[], input: tf.Tensor4D) =>
      blocks.reduce((grid, block) => block.forward(grid, context), input);
    const conv1 = this.conv1.forward(pixels); // [B, H/2, W/2, width]
    const bn1 = this.bn1.forward(conv1, context);
    const maxpool = maxPool2d(tf.relu(bn1), 3, { stride: 2, padding: 1 }); // [B, H/4, W/4, width]
    const layer1 = run(this.layer1, maxpool);
    const layer2 = run(this.layer2, layer1); // [B, H/8, W/8, 2 * width * expansion]
    const layer3 = run(this.layer3, layer2);
    const layer4 = run(this.layer4, layer3); // [B, H/32, W/32, 8 * width * expansion]
    return { conv1, bn1, maxpool, layer1, layer2, layer3, layer4, avgpool: globalAverage(layer4) };
  }

  /**
   * Builds the network of a checkpoint and loads it: torchvision's and timm's (`timm/resnet50.tv_in1k`) or transformers'
   * (`microsoft/resnet-50`).
   *
   * Without `embedDim` there is no `fc`; with it, the checkpoint's is taken if it has this width, and a new one starts from
   * `seed` if not (`report.fresh` lists it). `transform` holds the settings of the pictures that the weights expect.
   *
   * @param model a folder, a hub id, or a source
   * @throws WeightsError, HubError if the checkpoint is missing, damaged or does not fit; ConfigError for another family
   */
  static async fromPretrained(
    model: string | WeightSource,
    options: PretrainedOptions & RandomWeights = {},
  ): Promise<ResNet> {
    checkPretrained('vision.ResNet.fromPretrained', options);
    const { embedDim } = options;
    return loadPretrained(openSource(model, options.hub), options, {
      read: resnetOf,
      build: (architecture: ResNetName | ResNetConfig) =>
        new ResNet(architecture, { embedDim, generator: new BlankGenerator() }),
      head: ({ fc, embedDim: width }) =>
        fc && {
          name: 'fc',
          layer: fc,
          make: () => new Linear(fc.inFeatures, width, { generator: generatorOf(options, 'vision/resnet/head') }),
        },
      headTensors: /^fc\./,
    });
  }

  override describe(): PartDescription {
    const architecture = describeArchitecture(this.architecture);
    return { kind: 'vision/resnet', options: { architecture, embedDim: this.fc ? this.embedDim : undefined } };
  }

  #check({ block, layers, width = 64, groups = 1, widthPerGroup = 64 }: ResNetConfig): void {
    const where = this.where;
    for (const [what, value] of Object.entries({ width, groups, widthPerGroup })) {
      checkPositive(where, what, value);
    }
    if (!Array.isArray(layers) || layers.length !== 4) {
      throw new ConfigError({
        where,
        expected: 'layers to give the blocks of 4 stages',
        got: String(layers),
      });
    }
    for (const [index, count] of layers.entries()) checkPositive(where, `layers[${index}]`, count);
    if (block !== 'basic' && block !== 'bottleneck') {
      throw new ConfigError({ where, expected: "block to be 'basic' or 'bottleneck'", got: String(block) });
    }
    if (block === 'basic' && (groups !== 1 || widthPerGroup !== 64)) {
      throw new ConfigError({
        where,
        problem: 'groups and widthPerGroup belong to bottleneck blocks',
        remedy: "leave them out, or use block: 'bottleneck'",
      });
    }
  }
}
