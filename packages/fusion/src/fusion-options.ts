import type { OptionNames } from '@diptych/core';
import type { RandomWeights } from '@diptych/nn';

/** What every fusion of this package takes. */
export interface FusionOptions extends RandomWeights {
  /** Width of both towers and of the joint vector. */
  readonly embedDim: number;
  /**
   * Learns a placeholder for each modality, so that `fuse` copes with a missing one. Default: only where
   * `modalityDropout` is above 0.
   */
  readonly placeholders?: boolean;
  /** In training, the share of pairs that lose one modality (either, with equal chances). Default 0. */
  readonly modalityDropout?: number;
}

/** The names of these. */
export const FUSION: OptionNames<FusionOptions> = {
  embedDim: 'required',
  placeholders: 'optional',
  modalityDropout: 'optional',
  seed: 'optional',
  generator: 'optional',
};
