import { ConfigError } from '@diptych/core';
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

/**
 * Checks a size of a configuration.
 *
 * @throws ConfigError unless it is a whole number above 0
 */
export function checkPositive(where: string, what: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw new ConfigError({ where, expected: `${what} to be a whole number above 0`, got: String(value) });
}
