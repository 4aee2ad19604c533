import { checkFunction, checkMethods, type NegativeBatch, type PairBatch } from '@diptych/core';
import type { BatchSource } from './batch-source.js';

/**
 * A source whose batches bring hard negatives, e.g. what `mineHardNegatives` of `@diptych/metrics` found: `InfoNCE` takes them for wrong answers beside
 * the batch's own.
 *
 * ```ts
 * const mined = await mineHardNegatives(await trainer.embed(ordered));
 * const source = withNegatives(loader, (batch) => {
 *   const rows = batch.ids.map((id) => mined.texts[place.get(id)! * mined.k]!);
 *   const tokens = tokenizer.encode(rows.map((row) => captions[row]!), { padding: 'longest', padToMultipleOf: 16 });
 *   return { text: { tokens, ids: rows.map((row) => ids[row]!) } };
 * });
 * ```
 *
 * @param pick the negatives of a batch, the same whenever the same batch comes; undefined for none
 */
export function withNegatives(
  source: BatchSource,
  pick: (batch: PairBatch) => NegativeBatch | undefined | Promise<NegativeBatch | undefined>,
): BatchSource {
  checkFunction('train.withNegatives', 'pick', pick);
  return mapBatches(source, async (batch) => ({ ...batch, negatives: await pick(batch) }));
}

/**
 * A source with every batch changed. Everything else that the source can (its place, its content, taking batches back) goes to the source
 * itself, with its own batches.
 *
 * @param change the same whenever the same batch comes; it may keep the batch's arrays
 */
export function mapBatches<Source extends BatchSource>(
  source: Source,
  change: (batch: PairBatch) => PairBatch | Promise<PairBatch>,
): Source {
  checkMethods('train.mapBatches', source, ['epoch'], 'pass a DataLoader, or an object with epoch()');
  checkFunction('train.mapBatches', 'change', change);
  const originals = new WeakMap<PairBatch, PairBatch>();
  async function* changed(batches: AsyncIterable<PairBatch> | Iterable<PairBatch>): AsyncGenerator<PairBatch> {
    for await (const batch of batches) {
      const other = await change(batch);
      originals.set(other, batch);
      yield other;
    }
  }
  const recycle = (batch: PairBatch) => source.recycle?.(originals.get(batch) ?? batch);
  return new Proxy(source, {
    get: (_, key) => {
      if (key === 'epoch') return (n: number) => changed(source.epoch(n));
      if (key === 'labels') return undefined; // what is changed may have others
      if (key === 'inOrder') return source.inOrder && (() => changed(source.inOrder!()));
      const value = Reflect.get(source, key, source);
      if (typeof value !== 'function') return value;
      return key === 'recycle' ? recycle : value.bind(source);
    },
  });
}
