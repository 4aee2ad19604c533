import { checkMethods, checkOptions, permutation } from '@diptych/core';
import type { DataError } from '../data-error.js';
import type { PairRecord } from '../record.js';
import { type PairSource, plainRead, type ReadContext } from '../source.js';

/**
 * Reads a source once and keeps its records in memory (not the images of files and local tars), so that it has a size
 * and shuffles by a true permutation.
 *
 * ```js
 * const source = await collect(jsonl('pairs.jsonl'), { onBad: (error) => console.warn(error.message) });
 * ```
 *
 * @param options.onBad takes items that cannot be used; without it the first one is thrown
 * @throws DataError for a bad item, without `onBad`
 */
export async function collect(
  source: PairSource,
  options: { onBad?: (error: DataError) => void } = {},
): Promise<PairSource> {
  checkMethods('data.collect: source', source, ['read'], "jsonl('pairs.jsonl'), folder('pictures') or pairs([…])");
  checkOptions('data.collect', options, { onBad: 'optional' });
  const { onBad } = options;
  const records: PairRecord[] = [];
  const reject = (error: DataError) => {
    if (!onBad) throw error;
    onBad(error);
  };
  for await (const record of source.read(plainRead(reject))) records.push(record);
  return {
    name: source.name,
    size: records.length,
    shufflesFully: true,
    ...(source.labels && { labels: source.labels }),
    ...(source.fingerprint && { fingerprint: () => source.fingerprint!() }),
    async *read({ seed, epoch, shuffle, shard }: ReadContext) {
      const order = shuffle ? permutation(records.length, seed, epoch, 'data/pairs') : undefined;
      for (let position = shard.index; position < records.length; position += shard.count) {
        yield records[order ? order[position]! : position]!;
      }
    },
  };
}
