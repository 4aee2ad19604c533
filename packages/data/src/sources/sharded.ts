import { basename } from 'node:path';
import { ConfigError, permutation } from '@diptych/core';
import { DataError } from '../data-error.js';
import { expandBraces } from '../io/braces.js';
import type { PairRecord } from '../record.js';
import type { PairSource, ReadContext } from '../source.js';

/** Reads one file of a source that lies in one file or more. */
export type ShardReader = (file: string, firstItem: number, context: ReadContext) => AsyncIterable<PairRecord>;

/**
 * A source over files. Their order is shuffled; readers (ranks) take whole files where there are enough of them, else
 * every n-th record. A file that breaks off is rejected, with what it had given before kept, and reading goes on.
 *
 * @param files a name, a pattern with `{000..099}`, or a list of these
 * @throws ConfigError without a file
 */
export function shardedSource(kind: string, files: string | readonly string[], readShard: ShardReader): PairSource {
  const shards = (typeof files === 'string' ? [files] : files).flatMap(expandBraces);
  if (shards.length === 0) throw new ConfigError({ where: `data.${kind}`, expected: 'at least one file', got: 'none' });
  const first = basename(shards[0]!);
  return {
    name: shards.length === 1 ? `${kind}(${first})` : `${kind}(${first}, … ${shards.length} files)`,
    shufflesFully: false,
    async *read(context: ReadContext) {
      const { seed, epoch, shuffle, shard } = context;
      const order = shuffle ? permutation(shards.length, seed, epoch, 'data/shards') : shards.keys();
      const byFile = shards.length >= shard.count;
      let position = 0;
      let ordinal = 0;
      for (const index of order) {
        if (byFile && position++ % shard.count !== shard.index) continue;
        try {
          for await (const record of readShard(shards[index]!, index * ITEMS_PER_SHARD, context)) {
            if (byFile || ordinal++ % shard.count === shard.index) yield record;
          }
        } catch (error) {
          if (!(error instanceof DataError)) throw error;
          context.reject(error);
        }
      }
    },
  };
}

/** Item numbers are file * 2^32 + row: stable without knowing how many rows the files before hold. */
const ITEMS_PER_SHARD = 2 ** 32;
