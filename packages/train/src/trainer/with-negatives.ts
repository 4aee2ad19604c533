import type { NegativeBatch, PairBatch } from '@diptych/core';
import type { BatchSource } from './options.js';

/**
 * A source whose batches bring hard negatives, e.g. what {@link mineHardNegatives} found: `InfoNCE` takes them for wrong answers beside
 * the batch's own.
 *
 * ```ts
 * const mined = await mineHardNegatives(await trainer.embed(ordered));
 * const source = withNegatives(loader, (batch) => {
 *   const rows = batch.ids.map((id) => mined.texts[place.get(id)! * mined.k]!);
 *   const tokens = tokenizer.encode(rows.map((row) => captions[row]!), { padding: 'longest', padToMultipleOf: 16 });
 *   return { texts: { tokens, ids: rows.map((row) => ids[row]!) } };
 * });
 * ```
 *
 * @param pick the negatives of a batch, the same whenever the same batch comes; undefined for none
 */
export function withNegatives(
  source: BatchSource,
  pick: (batch: PairBatch) => NegativeBatch | undefined | Promise<NegativeBatch | undefined>,
): BatchSource {
  return {
    batchesPerEpoch: source.batchesPerEpoch,
    async *epoch(n) {
      for await (const batch of source.epoch(n)) yield { ...batch, negatives: await pick(batch) };
    },
    ...(source.inOrder && { inOrder: () => source.inOrder!() }),
    ...(source.state && { state: () => source.state!() }),
    ...(source.resume && { resume: (state: unknown) => source.resume!(state) }),
  };
}
