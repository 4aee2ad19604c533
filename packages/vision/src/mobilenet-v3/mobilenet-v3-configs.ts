import type { Architectures, OptionNames } from '@diptych/core';
import { type MobileStage, roundChannels } from '../mobile-blocks.js';

/** What {@link MobileNetV3Config} may hold. */
const OPTIONS: OptionNames<MobileNetV3Config> = {
  size: 'required',
  widthMultiplier: 'optional',
  headChannels: 'optional',
  tensorflow: 'optional',
  eps: 'optional',
  inChannels: 'optional',
};

/** Shape of a MobileNetV3. */
export interface MobileNetV3Config {
  readonly size: 'small' | 'large';
  /** Factor on all channels but the head's, and below 0.75 the stem's; default 1. */
  readonly widthMultiplier?: number;
  /** Width of the layer after the average; default 1280, small 1024. */
  readonly headChannels?: number;
  /** As TensorFlow trained it: uneven padding at stride 2, eps 1e-3. Default false: even padding. */
  readonly tensorflow?: boolean;
  /** Added to the variance of batch normalisations; default 1e-3 with `tensorflow`, else 1e-5 (torchvision: 1e-3). */
  readonly eps?: number;
  /** Colour channels of the pictures, default 3. */
  readonly inChannels?: number;
}

/** A name of {@link MOBILENET_V3_CONFIGS}. */
export type MobileNetV3Name = keyof typeof MOBILENET_V3_CONFIGS;

/**
 * timm's configurations by its names (`tf_` are TensorFlow's trainings), and torchvision's by its own.
 *
 * Howard et al. 2019, https://arxiv.org/abs/1905.02244.
 */
export const MOBILENET_V3_CONFIGS = {
  mobilenetv3_small_100: { size: 'small' },
  mobilenetv3_large_100: { size: 'large' },
  tf_mobilenetv3_small_100: { size: 'small', tensorflow: true },
  tf_mobilenetv3_large_100: { size: 'large', tensorflow: true },
  mobilenet_v3_small: { size: 'small', eps: 1e-3 },
  mobilenet_v3_large: { size: 'large', eps: 1e-3 },
} as const satisfies Record<string, MobileNetV3Config>;

/** What MobileNetV3 may be asked to be. */
export const MOBILENETS_V3: Architectures<MobileNetV3Name, MobileNetV3Config> = {
  where: 'vision.MobileNetV3',
  table: MOBILENET_V3_CONFIGS,
  names: OPTIONS,
};

/** Rows of tables 1 and 2 of the paper: expansions of the blocks, channels, filter, stride, squeeze, hard swish. */
type Row = readonly [
  readonly number[],
  channels: number,
  kernelSize: number,
  stride: 1 | 2,
  squeeze: boolean,
  swish: boolean,
];

const LARGE: readonly Row[] = [
  [[1], 16, 3, 1, false, false],
  [[4, 3], 24, 3, 2, false, false],
  [[3, 3, 3], 40, 5, 2, true, false],
  [[6, 2.5, 2.3, 2.3], 80, 3, 2, false, true],
  [[6, 6], 112, 3, 1, true, true],
  [[6, 6, 6], 160, 5, 2, true, true],
];

const SMALL: readonly Row[] = [
  [[1], 16, 3, 2, true, false],
  [[4.5, 3.67], 24, 3, 2, false, false],
  [[4, 6, 6], 40, 5, 2, true, true],
  [[3, 3], 48, 5, 1, true, true],
  [[6, 6, 6], 96, 5, 2, true, true],
];

/** Everything that a configuration says, in numbers. */
export interface MobileNetV3Shape {
  readonly stemChannels: number;
  readonly stages: readonly MobileStage[];
  /** Of the 1x1 convolution after the stages. */
  readonly lastChannels: number;
  /** Of the layer after the average. */
  readonly headChannels: number;
}

/** Works a configuration out. */
export function mobileNetV3Shape({ size, widthMultiplier = 1, headChannels }: MobileNetV3Config): MobileNetV3Shape {
  const widened = (channels: number) => roundChannels(channels * widthMultiplier);
  const [rows, last, head] = size === 'large' ? [LARGE, 960, 1280] : [SMALL, 576, 1024];
  return {
    stemChannels: widthMultiplier < 0.75 ? 16 : widened(16),
    stages: rows.map(([expansions, channels, kernelSize, stride, squeeze, swish]) => ({
      block: expansions[0] === 1 ? 'separable' : 'inverted',
      expansions,
      kernelSize,
      stride,
      channels: widened(channels),
      activation: swish ? 'hardswish' : 'relu',
      squeeze,
    })),
    lastChannels: widened(last),
    headChannels: headChannels ?? head,
  };
}
