import type { Context, Encoded, Fused, Fusion } from '@diptych/core';
import { Module } from '@diptych/nn';
import type { MissingModality, Pair } from './missing-modality.js';

/** A fusion that always sees both: what is missing is filled in first, and modalities are dropped in training. */
export abstract class PairFusion extends Module implements Fusion {
  abstract readonly embedDim: number;
  abstract readonly missing: MissingModality;

  /** Whether a modality may be missing (option `placeholders`). */
  get hasPlaceholders(): boolean {
    return this.missing.hasPlaceholders;
  }

  /**
   * @param image undefined where there is none (needs `placeholders`)
   * @param text undefined where there is none
   * @throws ShapeError if batches or widths differ
   */
  fuse(image: Encoded | undefined, text: Encoded | undefined, context: Context): Fused {
    return this.fusePair(this.missing.complete(image, text, context), context);
  }

  /** Joint vectors of whole pairs. */
  protected abstract fusePair(pair: Pair, context: Context): Fused;
}
