import type { Architectures, OptionNames } from '@diptych/core';

/** What {@link ResNetConfig} may hold. */
const OPTIONS: OptionNames<ResNetConfig> = {
  block: 'required',
  layers: 'required',
  width: 'optional',
  groups: 'optional',
  widthPerGroup: 'optional',
  inChannels: 'optional',
};

/** Shape of a ResNet: which blocks, how many, how wide. */
export interface ResNetConfig {
  /** `basic` is two 3x3 convolutions, `bottleneck` 1x1, 3x3, 1x1 with four times the channels at the end. */
  readonly block: 'basic' | 'bottleneck';
  /** Blocks of each stage; every stage but the first starts with stride 2. */
  readonly layers: readonly number[];
  /** Channels of the stem and of the first stage's blocks, doubled at each stage; default 64. */
  readonly width?: number;
  /** Groups of the 3x3 convolution in a bottleneck (ResNeXt); default 1. */
  readonly groups?: number;
  /** Channels of a group in the first stage, of a `width` of 64 (wide ResNet, ResNeXt); default 64. */
  readonly widthPerGroup?: number;
  /** Colour channels of the pictures, default 3. */
  readonly inChannels?: number;
}

/** A name of {@link RESNET_CONFIGS}. */
export type ResNetName = keyof typeof RESNET_CONFIGS;

/**
 * torchvision's configurations by its names.
 *
 * He et al. 2016, https://arxiv.org/abs/1512.03385 (18 to 152); Zagoruyko and Komodakis 2016,
 * https://arxiv.org/abs/1605.07146 (wide); Xie et al. 2017, https://arxiv.org/abs/1611.05431 (ResNeXt).
 */
export const RESNET_CONFIGS = {
  resnet18: { block: 'basic', layers: [2, 2, 2, 2] },
  resnet34: { block: 'basic', layers: [3, 4, 6, 3] },
  resnet50: { block: 'bottleneck', layers: [3, 4, 6, 3] },
  resnet101: { block: 'bottleneck', layers: [3, 4, 23, 3] },
  resnet152: { block: 'bottleneck', layers: [3, 8, 36, 3] },
  wide_resnet50_2: { block: 'bottleneck', layers: [3, 4, 6, 3], widthPerGroup: 128 },
  wide_resnet101_2: { block: 'bottleneck', layers: [3, 4, 23, 3], widthPerGroup: 128 },
  resnext50_32x4d: { block: 'bottleneck', layers: [3, 4, 6, 3], groups: 32, widthPerGroup: 4 },
  resnext101_32x8d: { block: 'bottleneck', layers: [3, 4, 23, 3], groups: 32, widthPerGroup: 8 },
  resnext101_64x4d: { block: 'bottleneck', layers: [3, 4, 23, 3], groups: 64, widthPerGroup: 4 },
} as const satisfies Record<string, ResNetConfig>;

/** What ResNet may be asked to be. */
export const RESNETS: Architectures<ResNetName, ResNetConfig> = {
  where: 'vision.ResNet',
  table: RESNET_CONFIGS,
  names: OPTIONS,
};
