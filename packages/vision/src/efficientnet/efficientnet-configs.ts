import type { Architectures, OptionNames } from '@diptych/core';
import type { Activation } from '@diptych/nn';
import { type MobileStage, roundChannels } from '../mobile-blocks.js';

/** What {@link EfficientNetConfig} may hold. */
const OPTIONS: OptionNames<EfficientNetConfig> = {
  widthMultiplier: 'optional',
  depthMultiplier: 'optional',
  lite: 'optional',
  tensorflow: 'optional',
  inChannels: 'optional',
};

/** Shape of an EfficientNet: B0's stages, made wider and deeper. */
export interface EfficientNetConfig {
  /** Factor on the channels of B0; default 1. */
  readonly widthMultiplier?: number;
  /** Factor on the blocks of each stage, rounded up; default 1. */
  readonly depthMultiplier?: number;
  /**
   * Without squeeze and excitation, ReLU6 in place of SiLU, and stem, head, first and last stage as in B0 whatever the
   * factors: the nets for devices that have no quick sigmoid. Default false.
   */
  readonly lite?: boolean;
  /** As TensorFlow trained it: uneven padding at stride 2, eps 1e-3. Default false: even padding, eps 1e-5. */
  readonly tensorflow?: boolean;
  /** Colour channels of the pictures, default 3. */
  readonly inChannels?: number;
}

const SIZES = {
  efficientnet_b0: {},
  efficientnet_b1: { depthMultiplier: 1.1 },
  efficientnet_b2: { widthMultiplier: 1.1, depthMultiplier: 1.2 },
  efficientnet_b3: { widthMultiplier: 1.2, depthMultiplier: 1.4 },
  efficientnet_b4: { widthMultiplier: 1.4, depthMultiplier: 1.8 },
  efficientnet_lite0: { lite: true },
  efficientnet_lite1: { lite: true, depthMultiplier: 1.1 },
  efficientnet_lite2: { lite: true, widthMultiplier: 1.1, depthMultiplier: 1.2 },
  efficientnet_lite3: { lite: true, widthMultiplier: 1.2, depthMultiplier: 1.4 },
  efficientnet_lite4: { lite: true, widthMultiplier: 1.4, depthMultiplier: 1.8 },
} as const satisfies Record<string, EfficientNetConfig>;

type Size = keyof typeof SIZES;

/** A name of {@link EFFICIENTNET_CONFIGS}: timm's. */
export type EfficientNetName = Size | `tf_${Size}`;

/**
 * timm's configurations by its names; `tf_` are TensorFlow's trainings. torchvision's `efficientnet_b0` to `b4` are the
 * ones without.
 *
 * Tan and Le 2019, https://arxiv.org/abs/1905.11946; the lite ones: TensorFlow's repository of TPU models.
 */
export const EFFICIENTNET_CONFIGS = Object.fromEntries(
  Object.entries(SIZES).flatMap(([name, config]) => [
    [name, config],
    [`tf_${name}`, { ...config, tensorflow: true }],
  ]),
) as Readonly<Record<EfficientNetName, EfficientNetConfig>>;

/** What EfficientNet may be asked to be. */
export const EFFICIENTNETS: Architectures<EfficientNetName, EfficientNetConfig> = {
  where: 'vision.EfficientNet',
  table: EFFICIENTNET_CONFIGS,
  names: OPTIONS,
};

/** Rows of table 1 of the paper: expansion, channels, blocks, filter, stride. */
export const B0_STAGES = [
  [1, 16, 1, 3, 1],
  [6, 24, 2, 3, 2],
  [6, 40, 2, 5, 2],
  [6, 80, 3, 3, 2],
  [6, 112, 3, 5, 1],
  [6, 192, 4, 5, 2],
  [6, 320, 1, 3, 1],
] as const;

/** Everything that a configuration says, in numbers. */
export interface EfficientNetShape {
  readonly stemChannels: number;
  readonly stages: readonly MobileStage[];
  readonly headChannels: number;
  readonly activation: Activation;
}

/** Works a configuration out. */
export function efficientNetShape(config: EfficientNetConfig): EfficientNetShape {
  const { widthMultiplier = 1, depthMultiplier = 1, lite = false } = config;
  const widened = (channels: number) => roundChannels(channels * widthMultiplier);
  const activation: Activation = lite ? 'relu6' : 'silu';
  const last = B0_STAGES.length - 1;
  return {
    stemChannels: lite ? 32 : widened(32),
    stages: B0_STAGES.map(([expansion, channels, blocks, kernelSize, stride], index) => {
      const deep = lite && (index === 0 || index === last) ? blocks : Math.ceil(blocks * depthMultiplier);
      return {
        block: expansion === 1 ? 'separable' : 'inverted',
        expansions: Array.from({ length: deep }, () => expansion),
        kernelSize,
        stride,
        channels: widened(channels),
        activation,
        squeeze: !lite,
      };
    }),
    headChannels: lite ? 1280 : widened(1280),
    activation,
  };
}
