import { ConfigError } from '@diptych/core';
import { labelKinds } from '../labels.js';
import type { PairSource, ReadContext } from '../source.js';
import { type InMemoryOptions, type PairInput, recordFrom } from './pairs.js';

/**
 * Pairs from a generator or any (async) iterable, read anew each epoch and held a few at a time. It has to give the
 * same pairs in the same order each time, or a resumed run cannot find its place.
 *
 * ```js
 * const source = iterable(async function* () {
 *   for await (const row of database.query('select …')) yield { image: row.jpeg, text: row.title, id: row.id };
 * });
 * ```
 *
 * @throws ConfigError for something that is no function, or an unknown option
 */
export function iterable(
  open: () => AsyncIterable<PairInput> | Iterable<PairInput>,
  options: InMemoryOptions = {},
): PairSource {
  if (typeof open !== 'function') {
    throw new ConfigError({
      where: 'data.iterable',
      expected: 'a function that opens the pairs anew each epoch',
      got: typeof open,
      remedy: 'write iterable(() => …)',
    });
  }
  const name = options.name ?? 'iterable';
  const labels = labelKinds('data.iterable', options.labels);
  return {
    name,
    shufflesFully: false,
    ...(labels && { labels }),
    async *read({ shard, reject }: ReadContext) {
      let row = 0;
      for await (const input of open()) {
        const position = row++;
        if (position % shard.count !== shard.index) continue;
        const record = recordFrom(input, position, name, options, reject);
        if (record) yield record;
      }
    },
  };
}
