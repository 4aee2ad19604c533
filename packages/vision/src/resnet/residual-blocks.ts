import type { Context } from '@diptych/core';
import { BatchNorm2d, Conv2d, type Generator, kaimingNormal, Module } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';

/** What both kinds of block are built from. */
export interface ResidualBlockOptions {
  readonly inChannels: number;
  /** Channels of the stage before expansion: 64, 128, 256, 512 in the usual networks. */
  readonly planes: number;
  readonly stride: number;
  readonly groups: number;
  readonly widthPerGroup: number;
  readonly generator: Generator;
}

/** A block of a ResNet: [B, H, W, in] -> [B, H / stride, W / stride, out]. */
export abstract class ResidualBlock extends Module {
  abstract readonly outChannels: number;
  abstract forward(x: tf.Tensor4D, context: Context): tf.Tensor4D;
}

/** Two 3x3 convolutions beside the identity (torchvision's BasicBlock); the stride sits on the first. */
export class BasicBlock extends ResidualBlock {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: readonly [Conv2d, BatchNorm2d] | undefined;
  readonly outChannels: number;

  constructor({ inChannels, planes, stride, generator }: ResidualBlockOptions) {
    super();
    this.outChannels = planes;
    this.conv1 = convolution(inChannels, planes, 3, generator, { stride });
    this.bn1 = new BatchNorm2d(planes);
    this.conv2 = convolution(planes, planes, 3, generator);
    this.bn2 = new BatchNorm2d(planes);
    this.downsample = shortcut(inChannels, planes, stride, generator);
  }

  forward(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    let y = tf.relu(this.bn1.forward(this.conv1.forward(x), context));
    y = this.bn2.forward(this.conv2.forward(y), context);
    return tf.relu(tf.add<tf.Tensor4D>(y, identity(x, this.downsample, context)));
  }
}

/**
 * 1x1 down, 3x3, 1x1 up by four, beside the identity (torchvision's Bottleneck). The stride sits on the 3x3
 * convolution: "v1.5", https://ngc.nvidia.com/catalog/model-scripts/nvidia:resnet_50_v1_5_for_pytorch, not on the first
 * 1x1 as in the paper.
 */
export class Bottleneck extends ResidualBlock {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: readonly [Conv2d, BatchNorm2d] | undefined;
  readonly outChannels: number;

  constructor({ inChannels, planes, stride, groups, widthPerGroup, generator }: ResidualBlockOptions) {
    super();
    const width = Math.trunc((planes * widthPerGroup) / 64) * groups;
    this.outChannels = planes * Bottleneck.expansion;
    this.conv1 = convolution(inChannels, width, 1, generator);
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = convolution(width, width, 3, generator, { stride, groups });
    this.bn2 = new BatchNorm2d(width);
    this.conv3 = convolution(width, this.outChannels, 1, generator);
    this.bn3 = new BatchNorm2d(this.outChannels);
    this.downsample = shortcut(inChannels, this.outChannels, stride, generator);
  }

  forward(x: tf.Tensor4D, context: Context): tf.Tensor4D {
    let y = tf.relu(this.bn1.forward(this.conv1.forward(x), context));
    y = tf.relu(this.bn2.forward(this.conv2.forward(y), context));
    y = this.bn3.forward(this.conv3.forward(y), context);
    return tf.relu(tf.add<tf.Tensor4D>(y, identity(x, this.downsample, context)));
  }
}

/** A convolution as every one in a ResNet is: no bias, padding that keeps the size, Kaiming normal by the fan out. */
export function convolution(
  inChannels: number,
  outChannels: number,
  kernelSize: number,
  generator: Generator,
  { stride = 1, groups = 1 } = {},
): Conv2d {
  const padding = (kernelSize - 1) / 2;
  const init = kaimingNormal('fanOut');
  return new Conv2d(inChannels, outChannels, kernelSize, { generator, stride, groups, padding, bias: false, init });
}

function shortcut(inChannels: number, outChannels: number, stride: number, generator: Generator) {
  if (stride === 1 && inChannels === outChannels) return undefined;
  return [convolution(inChannels, outChannels, 1, generator, { stride }), new BatchNorm2d(outChannels)] as const;
}

function identity(x: tf.Tensor4D, downsample: readonly [Conv2d, BatchNorm2d] | undefined, context: Context) {
  if (!downsample) return x;
  const [conv, bn] = downsample;
  return bn.forward(conv.forward(x), context);
}
