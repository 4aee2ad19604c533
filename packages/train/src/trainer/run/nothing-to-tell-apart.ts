import type { Loss, PairBatch } from '@diptych/core';
import { captionKeys } from '../../batches/caption-keys.js';
import { ImageTextMatching } from '../../losses/image-text-matching.js';
import { InfoNCE } from '../../losses/info-nce.js';
import { Matryoshka } from '../../losses/matryoshka.js';
import { SigLIP } from '../../losses/sig-lip.js';
import { Triplet } from '../../losses/triplet.js';
import { WeightedSum } from '../../losses/weighted-sum.js';

/** True for losses that hold the pairs of a batch against each other, also inside of others. */
export function contrasts(loss: object): boolean {
  if (loss instanceof WeightedSum) return loss.terms.some(({ loss: term }: { readonly loss: Loss }) => contrasts(term));
  return [InfoNCE, SigLIP, Triplet, Matryoshka, ImageTextMatching].some((kind) => loss instanceof kind);
}

/**
 * What to say of a batch that such a loss learns nothing from, since all of its pairs are right answers to each other.
 *
 * @param captions whether equal captions make pairs right answers
 * @returns undefined for a batch of several groups
 */
export function nothingToTellApart({ ids, size, tokens }: PairBatch, captions: boolean): string | undefined {
  const say = (what: string, remedy: string) =>
    `${what}: a contrastive loss has nothing to tell apart, and a loss near 0 means nothing; ${remedy}`;
  if (size === 1) {
    return say('a batch of one pair', 'raise batchSize; dropLast: true leaves a last batch of one out');
  }
  if (new Set(ids).size === 1) {
    return say(
      `all ${size} pairs of a batch have the id ${JSON.stringify(ids[0])}`,
      'give what differs ids of its own',
    );
  }
  if (captions && new Set(captionKeys(tokens).slice(0, size)).size === 1) {
    return say(`all ${size} pairs of a batch have one caption`, 'shuffle, or write captions that tell pictures apart');
  }
  return undefined;
}
