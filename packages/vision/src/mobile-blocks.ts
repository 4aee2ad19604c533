import type { Context } from '@diptych/core';
import {
  type Activation,
  activate,
  BatchNorm2d,
  Conv2d,
  DropPath,
  type Generator,
  Module,
  normal,
  zeros,
} from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** What all layers of one network of these families share. */
export interface MobileStyle {
  /** Added to the variance of batch normalisations: 1e-5 where PyTorch trained the network, 1e-3 where TensorFlow did. */
  readonly eps: number;
  /** Pads unevenly as TensorFlow's `SAME`: at stride 2 the extra row and column come last. */
  readonly padSame: boolean;
  readonly generator: Generator;
}

/** One stage of blocks of one kind; the first of them has the stride. */
export interface MobileStage {
  /** `separable`: a depthwise and a pointwise convolution; `inverted`: a pointwise one before them that widens. */
  readonly block: 'separable' | 'inverted';
  /** Channels inside each block over those before it: one number a block. 1 for `separable`. */
  readonly expansions: readonly number[];
  readonly kernelSize: number;
  readonly stride: 1 | 2;
  /** Channels after each block. */
  readonly channels: number;
  readonly activation: Activation;
  /** Whether the blocks squeeze and excite. */
  readonly squeeze: boolean;
}

/** How a family squeezes and excites (Hu et al. 2018, https://arxiv.org/abs/1709.01507). */
export interface SqueezeStyle {
  /** Whether the narrow width is a quarter of the channels before the block (EfficientNet) or inside it (MobileNetV3). */
  readonly of: 'input' | 'expanded';
  /** Between the two convolutions. */
  readonly activation: Activation;
  /** What makes a factor of the result. */
  readonly gate: Activation;
}

const SQUEEZE_RATIO = 0.25;

/**
 * A multiple of 8 near a number of channels, at most 10 % below it: TensorFlow's and timm's `make_divisible`.
 */
export function roundChannels(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

/** Settings of {@link MobileConv2d}. */
export interface MobileConvOptions {
  readonly style: MobileStyle;
  readonly stride?: number;
  readonly groups?: number;
  readonly bias?: boolean;
}

/**
 * A convolution whose padding keeps the size at stride 1: half the filter on each side, or as TensorFlow's `SAME`.
 * First weights N(0, 2 / fan out) with the fan of one group, biases 0, as timm and TensorFlow draw them.
 */
export class MobileConv2d extends Conv2d {
  readonly padSame: boolean;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    { style, stride = 1, groups = 1, bias = false }: MobileConvOptions,
  ) {
    const fanOut = (kernelSize * kernelSize * outChannels) / groups;
    super(inChannels, outChannels, kernelSize, {
      generator: style.generator,
      stride,
      groups,
      bias,
      padding: style.padSame ? 0 : (kernelSize - 1) / 2,
      init: normal(Math.sqrt(2 / fanOut)),
      biasInit: zeros,
    });
    this.padSame = style.padSame;
  }

  override forward(x: tf.Tensor4D): tf.Tensor4D {
    return super.forward(this.padSame ? padAsSame(x, this.kernelSize, this.stride) : x);
  }
}

function padAsSame(x: tf.Tensor4D, kernelSize: number, stride: number): tf.Tensor4D {
  const [, height, width] = x.shape;
  const sides = (size: number): [number, number] => {
    const missing = Math.max(0, (Math.ceil(size / stride) - 1) * stride + kernelSize - size);
    return [Math.floor(missing / 2), Math.ceil(missing / 2)];
  };
  const [rows, columns] = [sides(height), sides(width)];
  return [...rows, ...columns].every((side) => side === 0) ? x : tf.pad(x, [[0, 0], rows, columns, [0, 0]]);
}

/** A factor for each channel from the mean of all places: [B, H, W, C] -> [B, H, W, C]. */
class SqueezeExcite extends Module {
  readonly convReduce: MobileConv2d;
  readonly convExpand: MobileConv2d;
  readonly #squeeze: SqueezeStyle;

  constructor(channels: number, narrow: number, squeeze: SqueezeStyle, style: MobileStyle) {
    super();
    this.#squeeze = squeeze;
    this.convReduce = new MobileConv2d(channels, narrow, 1, { style, bias: true });
    this.convExpand = new MobileConv2d(narrow, channels, 1, { style, bias: true });
  }

  forward(x: tf.Tensor4D): tf.Tensor4D {
    const means: tf.Tensor4D = tf.mean(x, [1, 2], true); // [B, 1, 1, C]
    const narrow = activate(this.convReduce.forward(means), this.#squeeze.activation);
    return tf.mul(x, activate(this.convExpand.forward(narrow), this.#squeeze.gate));
  }
}

/** What a block is built from. */
export interface MobileBlockOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly expansion: number;
  readonly kernelSize: number;
  readonly stride: 1 | 2;
  readonly activation: Activation;
  readonly squeeze: SqueezeStyle | undefined;
  /** Probability of leaving the block out in training (stochastic depth). */
  readonly dropPath: number;
  readonly style: MobileStyle;
}

/** A block of these networks: [B, H, W, in] -> [B, H / stride, W / stride, out], beside the identity where that fits. */
export abstract class MobileBlock extends Module {
  readonly dropPath: DropPath;
  readonly #hasIdentity: boolean;

  constructor({ inChannels, outChannels, stride, dropPath }: MobileBlockOptions) {
    super();
    this.dropPath = new DropPath(dropPath);
    this.#hasIdentity = stride === 1 && inChannels === outChannels;
  }

  forward(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    const y = this.branch(x, context);
    return this.#hasIdentity ? tf.add(this.dropPath.forward(y, context), x) : y;
  }

  protected abstract branch(x: tf.Tensor4D, context: Context): tf.Tensor4D;
}

/** Depthwise, squeeze and excitation, pointwise without an activation (timm's DepthwiseSeparableConv, by its names). */
class SeparableBlock extends MobileBlock {
  readonly convDw: MobileConv2d;
  readonly bn1: BatchNorm2d;
  readonly se: SqueezeExcite | undefined;
  readonly convPw: MobileConv2d;
  readonly bn2: BatchNorm2d;
  readonly #activation: Activation;

  constructor(options: MobileBlockOptions) {
    super(options);
    const { inChannels, outChannels, kernelSize, stride, activation, squeeze, style } = options;
    this.#activation = activation;
    this.convDw = new MobileConv2d(inChannels, inChannels, kernelSize, { style, stride, groups: inChannels });
    this.bn1 = new BatchNorm2d(inChannels, { eps: style.eps });
    this.se = squeeze && new SqueezeExcite(inChannels, narrowWidth(squeeze, inChannels, inChannels), squeeze, style);
    this.convPw = new MobileConv2d(inChannels, outChannels, 1, { style });
    this.bn2 = new BatchNorm2d(outChannels, { eps: style.eps });
  }

  protected branch(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    const y = activate(this.bn1.forward(this.convDw.forward(x), context), this.#activation);
    return this.bn2.forward(this.convPw.forward(this.se ? this.se.forward(y) : y), context);
  }
}

/**
 * Pointwise to more channels, depthwise, squeeze and excitation, pointwise to fewer without an activation (Sandler et al.
 * 2018, https://arxiv.org/abs/1801.04381; timm's InvertedResidual, by its names).
 */
class InvertedBlock extends MobileBlock {
  readonly convPw: MobileConv2d;
  readonly bn1: BatchNorm2d;
  readonly convDw: MobileConv2d;
  readonly bn2: BatchNorm2d;
  readonly se: SqueezeExcite | undefined;
  readonly convPwl: MobileConv2d;
  readonly bn3: BatchNorm2d;
  readonly #activation: Activation;

  constructor(options: MobileBlockOptions) {
    super(options);
    const { inChannels, outChannels, expansion, kernelSize, stride, activation, squeeze, style } = options;
    const inner = roundChannels(inChannels * expansion);
    this.#activation = activation;
    this.convPw = new MobileConv2d(inChannels, inner, 1, { style });
    this.bn1 = new BatchNorm2d(inner, { eps: style.eps });
    this.convDw = new MobileConv2d(inner, inner, kernelSize, { style, stride, groups: inner });
    this.bn2 = new BatchNorm2d(inner, { eps: style.eps });
    this.se = squeeze && new SqueezeExcite(inner, narrowWidth(squeeze, inChannels, inner), squeeze, style);
    this.convPwl = new MobileConv2d(inner, outChannels, 1, { style });
    this.bn3 = new BatchNorm2d(outChannels, { eps: style.eps });
  }

  protected branch(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    let y = activate(this.bn1.forward(this.convPw.forward(x), context), this.#activation);
    y = activate(this.bn2.forward(this.convDw.forward(y), context), this.#activation);
    return this.bn3.forward(this.convPwl.forward(this.se ? this.se.forward(y) : y), context);
  }
}

function narrowWidth({ of }: SqueezeStyle, input: number, expanded: number): number {
  return of === 'input' ? Math.round(input * SQUEEZE_RATIO) : roundChannels(expanded * SQUEEZE_RATIO);
}

/** What {@link mobileStages} needs beside the stages. */
export interface MobileStagesOptions {
  readonly inChannels: number;
  readonly squeeze: SqueezeStyle;
  /** Stochastic depth's probability for the last block; it rises from 0 with the depth. */
  readonly dropPathRate: number;
  readonly style: MobileStyle;
}

/** The blocks of all stages, stage by stage. */
export function mobileStages(
  stages: readonly MobileStage[],
  { inChannels, squeeze, dropPathRate, style }: MobileStagesOptions,
): readonly (readonly MobileBlock[])[] {
  const total = stages.reduce((sum, { expansions }) => sum + expansions.length, 0);
  let channels = inChannels;
  let index = 0;
  return stages.map((stage) =>
    stage.expansions.map((expansion, position) => {
      const Block = stage.block === 'separable' ? SeparableBlock : InvertedBlock;
      const made = new Block({
        inChannels: channels,
        outChannels: stage.channels,
        expansion,
        kernelSize: stage.kernelSize,
        stride: position === 0 ? stage.stride : 1,
        activation: stage.activation,
        squeeze: stage.squeeze ? squeeze : undefined,
        dropPath: (dropPathRate * index++) / total,
        style,
      });
      channels = stage.channels;
      return made;
    }),
  );
}
