import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, permutation } from '@diptych/core';
import type { HttpOptions } from '@diptych/core/http';
import { isRemote, publicName } from '@diptych/core/http';
import { DataError } from '../data-error.js';
import { FileIds } from '../identity.js';
import { baseName, labelledFiles, type SourceFile } from '../io/address.js';
import { expandBraces } from '../io/braces.js';
import { sampleFile } from '../io/sample-file.js';
import { type LabelColumns, labelKinds } from '../labels.js';
import type { PairRecord } from '../record.js';
import { countingRejects, type PairSource, type ReadContext } from '../source.js';

/** A file of a source, with what makes its pairs' ids. */
export interface DataFile extends SourceFile {
  readonly ids: FileIds;
}

/** Reads one file of a source that lies in one file or more. */
export type ShardReader = (file: DataFile, firstItem: number, context: ReadContext) => AsyncIterable<PairRecord>;

/** Options of all sources that lie in files. */
export interface FilesOptions {
  /**
   * Ids in different files mean the same item where they are equal. By default they belong to their file: most are counted
   * from 0 in each.
   */
  readonly sharedIds?: boolean;
  /** Labels to read beside each pair. */
  readonly labels?: LabelColumns;
  /** For `http(s)` addresses. */
  readonly http?: HttpOptions;
}

/** What differs between kinds of files. */
export interface ShardedOptions extends FilesOptions {
  readonly root?: string;
  /** The format itself says that it holds no rows, which is then no fault. */
  readonly mayBeEmpty?: boolean;
}

/**
 * A source over files. Their order is shuffled; readers (ranks) take whole files where there are enough of them, else
 * every n-th record. A file that breaks off is rejected, with what it had given before kept, and reading goes on.
 *
 * @param files a name, a pattern with `{000..099}`, or a list of these
 * @throws ConfigError without a file
 */
export function shardedSource(
  kind: string,
  files: string | readonly string[],
  { root, sharedIds = false, mayBeEmpty = false, labels, http }: ShardedOptions,
  readShard: ShardReader,
): PairSource {
  const shards = dataFiles(kind, files, root, sharedIds);
  const first = baseName(shards[0]!.name);
  const kinds = labelKinds(`data.${kind}`, labels);
  return {
    name: shards.length === 1 ? `${kind}(${first})` : `${kind}(${first}, … ${shards.length} files)`,
    shufflesFully: false,
    ...(kinds && { labels: kinds }),
    async *read(context: ReadContext) {
      const { seed, epoch, shuffle, shard, reject } = context;
      const order = shuffle ? permutation(shards.length, seed, epoch, 'data/shards') : shards.keys();
      const byFile = shards.length >= shard.count;
      let position = 0;
      let ordinal = 0;
      for (const index of order) {
        if (byFile && position++ % shard.count !== shard.index) continue;
        const counting = countingRejects(context);
        try {
          for await (const record of readShard(shards[index]!, index * ITEMS_PER_SHARD, counting)) {
            counting.found++;
            if (byFile || ordinal++ % shard.count === shard.index) yield record;
          }
          if (counting.found === 0 && !mayBeEmpty) reject(await noPairs(shards[index]!));
        } catch (error) {
          if (!(error instanceof DataError)) throw error;
          reject(error);
        }
      }
    },
    async fingerprint() {
      const hash = createHash('sha256').update(kind);
      for (const file of shards) hash.update(`\n${file.label} ${await sampleFile(file.path, http)}`);
      return hash.digest('hex');
    },
  };
}

/** Item numbers are file * 2^32 + row: stable without knowing how many rows the files before hold. */
const ITEMS_PER_SHARD = 2 ** 32;

function dataFiles(kind: string, files: string | readonly string[], root: string | undefined, sharedIds: boolean) {
  const given = typeof files === 'string' ? [files] : files;
  if (!Array.isArray(given) || !given.every((file) => typeof file === 'string' && file !== '')) {
    throw new ConfigError({
      where: `data.${kind}`,
      expected: 'a file name, a pattern, or a list of these',
      got: JSON.stringify(files) ?? 'nothing',
    });
  }
  const paths = (given as readonly string[]).flatMap((file) => expandBraces(localOrHttp(kind, file)));
  if (paths.length === 0) throw new ConfigError({ where: `data.${kind}`, expected: 'at least one file', got: 'none' });
  const labelled = labelledFiles(paths);
  const base = root === undefined ? folderAbove(labelled) : resolve(root);
  return labelled.map((file): DataFile => ({ ...file, ids: new FileIds(file, base, paths.length > 1 && !sharedIds) }));
}

/**
 * A path or an `http(s)` address.
 *
 * @throws ConfigError for addresses and commands that other tools would follow
 */
function localOrHttp(kind: string, file: string): string {
  if (file.startsWith('file://') && URL.canParse(file)) return fileURLToPath(file);
  if (isRemote(file) || !/^([a-z][a-z0-9+.-]+:\/\/|pipe:)/i.test(file)) return file;
  throw new ConfigError({
    where: `data.${kind}`,
    expected: 'a path, or an http(s) address',
    got: publicName(file)
      .replace(/(:\/\/)[^/@]*@/, '$1')
      .replace(/[?#].*$/s, ''),
    remedy: 'give a presigned https address, or copy the file here',
  });
}

/** The folder that all local files lie in; the working directory where all are remote. */
function folderAbove(files: readonly SourceFile[]): string {
  const local = files.find(({ path }) => !isRemote(path));
  if (!local) return resolve('.');
  // A label is the way from the common folder to the file: as many steps lead back.
  return local.label.split('/').reduce((path) => dirname(path), resolve(local.path));
}

async function noPairs({ path, name }: SourceFile): Promise<DataError> {
  const size = isRemote(path) ? undefined : (await stat(path)).size;
  return new DataError(
    'no-pairs',
    { file: name },
    {
      expected: 'pairs',
      got: size === 0 ? 'an empty file' : `none in ${size === undefined ? 'the file' : `${size} bytes`}`,
      remedy: 'check that it is the right file in the right format, or leave it out',
    },
  );
}
