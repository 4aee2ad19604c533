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
  DropPath,
  type Generator,
  generatorOf,
  LayerNorm,
  type Linear,
  Mlp,
  Module,
  normal,
  parameter,
  type RandomWeights,
  zeros,
} from '@diptych/nn';
import {
  checkPretrained,
  loadPretrained,
  openSource,
  type PretrainedOptions,
  type WeightSource,
} from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { checkDropPathRate } from '../encoder-options.js';
import { globalAverage, gridToTokens } from '../grid.js';
import { ImageNetwork } from '../image-network.js';
import { checkPixels } from '../pixels.js';
import { TIMM_INIT, timmLinear } from '../timm-linear.js';
import { CONVNEXTS, type ConvNeXtConfig, type ConvNeXtName } from './convnext-configs.js';
import { convnextOf } from './convnext-pretrained.js';

/** Options of {@link ConvNeXt}. */
export interface ConvNeXtOptions extends RandomWeights {
  /** Width of the result: adds `head.fc`, a linear layer from the last stage's width. Without it there is none. */
  readonly embedDim?: number;
  /** Stochastic depth in training: the last block's rate, growing linearly from 0 at the first. Default 0. */
  readonly dropPathRate?: number;
}

const EPS = 1e-6;
/** First value of each block's scale on its branch. */
const LAYER_SCALE = 1e-6;

/**
 * Depthwise 7x7 convolution, layer normalisation, two linear layers with a GELU between, a learned scale per channel, all
 * beside the identity: [B, H, W, C] -> the same shape.
 */
class ConvNeXtBlock extends Module {
  readonly gamma: tf.Variable<tf.Rank.R1>;
  readonly convDw: Conv2d;
  readonly norm: LayerNorm;
  readonly mlp: Mlp;
  readonly dropPath: DropPath;

  constructor(width: number, dropPath: number, generator: Generator) {
    super();
    this.gamma = parameter(tf.fill([width], LAYER_SCALE));
    this.convDw = convolution(width, width, 7, generator, { padding: 3, groups: width });
    this.norm = new LayerNorm(width, { eps: EPS });
    this.mlp = new Mlp(width, { generator, intermediateSize: 4 * width, ...TIMM_INIT });
    this.dropPath = new DropPath(dropPath);
  }

  forward(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    const branch = tf.mul(this.mlp.forward(this.norm.forward(this.convDw.forward(x))), this.gamma);
    return tf.add(x, this.dropPath.forward(branch, context));
  }
}

/** Halves the grid (but for the first stage), then runs its blocks. */
class ConvNeXtStage extends Module {
  readonly downsample: readonly [LayerNorm, Conv2d] | undefined;
  readonly blocks: readonly ConvNeXtBlock[];

  constructor(inChannels: number, width: number, halve: boolean, dropPaths: readonly number[], generator: Generator) {
    super();
    this.downsample = halve
      ? [new LayerNorm(inChannels, { eps: EPS }), convolution(inChannels, width, 2, generator, { stride: 2 })]
      : undefined;
    this.blocks = dropPaths.map((dropPath) => new ConvNeXtBlock(width, dropPath, generator));
  }

  forward(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    let grid = x;
    if (this.downsample) {
      const [norm, conv] = this.downsample;
      grid = conv.forward(norm.forward(grid));
    }
    return this.blocks.reduce((input, block) => block.forward(input, context), grid);
  }
}

/** Normalisation after pooling, then the projection where there is one: [..., C] -> [..., D]. */
class ConvNeXtHead extends Module {
  readonly norm: LayerNorm;
  readonly fc: Linear | undefined;

  constructor(width: number, eps: number, embedDim: number | undefined, generator: Generator) {
    super();
    this.norm = new LayerNorm(width, { eps });
    this.fc = embedDim === undefined ? undefined : timmLinear(width, embedDim, generator);
  }

  forward<T extends tf.Tensor>(x: T): T {
    const normalized = this.norm.forward(x);
    return this.fc ? this.fc.forward(normalized) : normalized;
  }
}

const OPTIONS: OptionNames<ConvNeXtOptions> = {
  embedDim: 'optional',
  dropPathRate: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/**
 * timm's ConvNeXt with its parameter names (`stem.0`, `stages.N.downsample.1`, `stages.N.blocks.M.conv_dw`, `head.norm`,
 * `head.fc`): the light convolutional network here, from atto with 3.4 million parameters on. It has no batch
 * normalisation, so small batches and frozen towers need no care.
 *
 * `pooled` is the average over the last grid, normalised and projected; `sequence` is each position of that grid,
 * normalised and projected likewise. Pictures may have any size; 224x224 gives a grid of 7x7.
 *
 * Liu et al., A ConvNet for the 2020s (2022), https://arxiv.org/abs/2201.03545.
 */
export class ConvNeXt extends ImageNetwork<ConvNeXtName, ConvNeXtConfig> {
  readonly stem: readonly [Conv2d, LayerNorm];
  readonly stages: readonly ConvNeXtStage[];
  readonly head: ConvNeXtHead;
  readonly embedDim: number;
  readonly dropPathRate: number;

  /**
   * @param architecture a name of {@link CONVNEXT_CONFIGS}, or a configuration of your own
   * @throws ConfigError if the name is unknown or the configuration makes no network
   */
  constructor(architecture: ConvNeXtName | ConvNeXtConfig, options: ConvNeXtOptions = {}) {
    super(architecture, CONVNEXTS, options, OPTIONS);
    const { config, inChannels } = this;
    const { depths, widths, headEps = EPS } = config;
    const { embedDim, dropPathRate = 0 } = options;
    this.dropPathRate = dropPathRate;
    this.#check(config);

    const generator = generatorOf(options, 'vision/convnext');
    const [first] = widths;
    this.stem = [convolution(inChannels, first!, 4, generator, { stride: 4 }), new LayerNorm(first!, { eps: EPS })];
    const total = depths.reduce((sum, depth) => sum + depth, 0);
    let block = 0;
    this.stages = depths.map((depth, index) => {
      const dropPaths = Array.from({ length: depth }, () => (dropPathRate * block++) / Math.max(total - 1, 1));
      return new ConvNeXtStage(widths[index - 1] ?? first!, widths[index]!, index > 0, dropPaths, generator);
    });
    this.head = new ConvNeXtHead(widths.at(-1)!, headEps, embedDim, generator);
    this.embedDim = embedDim ?? widths.at(-1)!;
  }

  /**
   * [B, H, W, 3] -> `pooled` [B, embedDim], `sequence` [B, floor(H/32) * floor(W/32), embedDim].
   *
   * @throws ShapeError if the pictures do not have this shape
   */
  encode(pixels: ImageInput, context: Context): Encoded {
    const grid = this.features(pixels, context);
    return { pooled: this.head.forward(globalAverage(grid)), sequence: this.head.forward(gridToTokens(grid)) };
  }

  /** The last grid, before pooling and the head: [B, H, W, 3] -> [B, floor(H/32), floor(W/32), C]. */
  features(pixels: ImageInput, context: Context): tf.Tensor4D {
    checkPixels(this.where, pixels, { channels: this.inChannels });
    const [conv, norm] = this.stem;
    const patches = norm.forward(conv.forward(pixels)); // [B, H/4, W/4, widths[0]]
    return this.stages.reduce((input, stage) => stage.forward(input, context), patches);
  }

  /**
   * Builds the network of a checkpoint and loads it: timm's (`timm/convnext_atto.d2_in1k`) or transformers'
   * (`facebook/convnext-tiny-224`).
   *
   * Without `embedDim` there is no `head.fc`; with it, the checkpoint's is taken if it has this width, and a new one starts from
   * `seed` if not (`report.fresh` lists it). `transform` holds the settings of the pictures that the weights expect.
   *
   * @param model a folder, a hub id, or a source
   * @throws WeightsError, HubError if the checkpoint is missing, damaged or does not fit; ConfigError for another family
   */
  static async fromPretrained(
    model: string | WeightSource,
    options: PretrainedOptions & RandomWeights & Pick<ConvNeXtOptions, 'dropPathRate'> = {},
  ): Promise<ConvNeXt> {
    checkPretrained('vision.ConvNeXt.fromPretrained', options, ['dropPathRate']);
    const { embedDim, dropPathRate } = options;
    return loadPretrained(openSource(model, options.hub), options, {
      read: convnextOf,
      build: (architecture: ConvNeXtName | ConvNeXtConfig) =>
        new ConvNeXt(architecture, { embedDim, dropPathRate, generator: new BlankGenerator() }),
      head: ({ head: { fc }, embedDim: width }) =>
        fc && {
          name: 'head.fc',
          layer: fc,
          make: () => timmLinear(fc.inFeatures, width, generatorOf(options, 'vision/convnext/head')),
        },
      headTensors: /^head\.fc\./,
    });
  }

  override describe(): PartDescription {
    const architecture = describeArchitecture(this.architecture);
    const embedDim = this.head.fc ? this.embedDim : undefined;
    return { kind: 'vision/convnext', options: { architecture, embedDim, dropPathRate: this.dropPathRate } };
  }

  #check({ depths, widths }: ConvNeXtConfig): void {
    const where = this.where;
    if (!Array.isArray(depths) || !Array.isArray(widths) || depths.length === 0 || depths.length !== widths.length) {
      throw new ConfigError({
        where,
        expected: 'as many depths as widths, one a stage',
        got: `depths [${depths}], widths [${widths}]`,
      });
    }
    for (const [index, depth] of depths.entries()) checkPositive(where, `depths[${index}]`, depth);
    for (const [index, width] of widths.entries()) checkPositive(where, `widths[${index}]`, width);
    checkDropPathRate(where, this.dropPathRate);
  }
}

/** A convolution as timm's ConvNeXt starts it: normal with deviation 0.02 (`trunc_normal_` cuts at 2), bias 0. */
function convolution(
  inChannels: number,
  outChannels: number,
  kernelSize: number,
  generator: Generator,
  options: { stride?: number; padding?: number; groups?: number },
): Conv2d {
  return new Conv2d(inChannels, outChannels, kernelSize, {
    generator,
    init: normal(0.02),
    biasInit: zeros,
    ...options,
  });
}
