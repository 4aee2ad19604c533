import type { Architectures, OptionNames } from '@diptych/core';

/** What {@link ConvNeXtConfig} may hold. */
const OPTIONS: OptionNames<ConvNeXtConfig> = {
  depths: 'required',
  widths: 'required',
  headEps: 'optional',
  inChannels: 'optional',
};

/** Shape of a ConvNeXt. */
export interface ConvNeXtConfig {
  /** Blocks of each of the four stages. */
  readonly depths: readonly number[];
  /** Channels of each stage. */
  readonly widths: readonly number[];
  /** Of the normalisation after pooling, default 1e-6 as of all others; transformers' ConvNeXt has 1e-12 there. */
  readonly headEps?: number;
  /** Colour channels of the pictures, default 3. */
  readonly inChannels?: number;
}

/** A name of {@link CONVNEXT_CONFIGS}. */
export type ConvNeXtName = keyof typeof CONVNEXT_CONFIGS;

/**
 * timm's configurations by its names; atto to nano are its own small ones.
 *
 * Liu et al., A ConvNet for the 2020s (2022), https://arxiv.org/abs/2201.03545.
 */
export const CONVNEXT_CONFIGS = {
  convnext_atto: { depths: [2, 2, 6, 2], widths: [40, 80, 160, 320] },
  convnext_femto: { depths: [2, 2, 6, 2], widths: [48, 96, 192, 384] },
  convnext_pico: { depths: [2, 2, 6, 2], widths: [64, 128, 256, 512] },
  convnext_nano: { depths: [2, 2, 8, 2], widths: [80, 160, 320, 640] },
  convnext_tiny: { depths: [3, 3, 9, 3], widths: [96, 192, 384, 768] },
  convnext_small: { depths: [3, 3, 27, 3], widths: [96, 192, 384, 768] },
  convnext_base: { depths: [3, 3, 27, 3], widths: [128, 256, 512, 1024] },
  convnext_large: { depths: [3, 3, 27, 3], widths: [192, 384, 768, 1536] },
} as const satisfies Record<string, ConvNeXtConfig>;

/** What ConvNeXt may be asked to be. */
export const CONVNEXTS: Architectures<ConvNeXtName, ConvNeXtConfig> = {
  where: 'vision.ConvNeXt',
  table: CONVNEXT_CONFIGS,
  names: OPTIONS,
};
