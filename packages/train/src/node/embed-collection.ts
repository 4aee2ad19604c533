import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError, ConfigError, checkOptions, type Matrix, type OptionNames } from '@diptych/core';
import { openSafetensors, writeSafetensors } from '@diptych/weights/node';
import type { BatchSource } from '../batches/batch-source.js';
import { checkModel, checkSource } from '../check-model.js';
import { embed } from '../evaluate/embed.js';
import type { TrainableModel } from '../trainable-model.js';

/** One of the two towers. */
export type TowerName = 'image' | 'text';

/** Options of {@link embedCollection}. */
export interface EmbedCollectionOptions {
  /** Where the shards go. */
  readonly folder: string;
  /** Rows of a shard, default 10,000: what is held in memory, and what a killed run does again at most. */
  readonly shardSize?: number;
  /** Default both. */
  readonly towers?: readonly TowerName[];
  readonly signal?: AbortSignal;
  /** After each batch, with the rows done so far. */
  readonly onProgress?: (rows: number) => void;
}

/** What {@link embedCollection} did. */
export interface EmbeddedCollection {
  /** Paths in order. */
  readonly shards: readonly string[];
  readonly rows: number;
  /** Rows of earlier runs, which were not embedded again. */
  readonly resumed: number;
  /** False where the signal ended it; the same call goes on. */
  readonly complete: boolean;
}

const SHARD = /^embeddings-(\d{6})\.safetensors$/;

const OPTIONS: OptionNames<EmbedCollectionOptions> = {
  folder: 'required',
  shardSize: 'optional',
  towers: 'optional',
  signal: 'optional',
  onProgress: 'optional',
};

/**
 * Embeds any number of items in bounded memory: shards `embeddings-000000.safetensors` with `image` and/or `text`, float32
 * [rows, D], L2-normalised, and the rows' ids as JSON in their metadata. Shards are written atomically; the same
 * call after an interruption skips what the finished ones hold.
 *
 * @param source all rows in order; the same items in the same order at each call
 * @throws CheckpointError if the folder's shards do not belong to this source or model
 */
export async function embedCollection(
  model: TrainableModel,
  source: BatchSource,
  options: EmbedCollectionOptions,
): Promise<EmbeddedCollection> {
  const where = 'train.embedCollection';
  checkModel(`${where}: model`, model);
  checkSource(where, source);
  checkOptions(where, options, OPTIONS);
  const { folder, shardSize = 10_000, towers = ['image', 'text'], signal, onProgress } = options;
  if (!(Number.isInteger(shardSize) && shardSize > 0) || towers.length === 0) {
    throw new ConfigError({
      where: 'train.embedCollection',
      expected: 'a whole shardSize above 0 and at least one tower',
      got: `${shardSize}, [${towers.join(', ')}]`,
    });
  }
  mkdirSync(folder, { recursive: true });
  const writer = new ShardWriter(folder, shardSize, towers, model.describe ? JSON.stringify(model.describe()) : '');
  const resumed = writer.rows;
  const outputs = [...towers];
  for await (const block of embed(model, checked(source, writer, resumed), { outputs, from: resumed, signal })) {
    await writer.add(block.ids, block);
    onProgress?.(block.first + block.ids.length);
  }
  const complete = !signal?.aborted;
  return { ...(await writer.finish(complete)), resumed, complete };
}

/** The source, with the ids of rows that are stored compared with theirs. */
function checked(source: BatchSource, writer: ShardWriter, stored: number): BatchSource {
  return {
    async *epoch() {
      let first = 0;
      for await (const batch of source.inOrder?.() ?? source.epoch(0)) {
        writer.checkIds(first, batch.ids.slice(0, Math.max(0, stored - first)));
        first += batch.size;
        yield batch;
      }
    },
  };
}

/** Collects rows and writes a shard when one is full. */
class ShardWriter {
  /** Rows in finished shards. */
  rows = 0;
  readonly #folder: string;
  readonly #shardSize: number;
  readonly #towers: readonly TowerName[];
  readonly #model: string;
  readonly #shards: string[] = [];
  readonly #known: string[][] = [];
  #ids: string[] = [];
  #pending: Record<string, Float32Array[]> = {};
  #width: Record<string, number> = {};

  constructor(folder: string, shardSize: number, towers: readonly TowerName[], model: string) {
    this.#folder = folder;
    this.#shardSize = shardSize;
    this.#towers = towers;
    this.#model = model;
    const names = readdirSync(folder)
      .filter((name) => SHARD.test(name))
      .sort();
    for (const [i, name] of names.entries()) {
      if (Number(SHARD.exec(name)![1]) !== i) throw this.#foreign(name, `shard ${i}`, name);
      this.#adopt(join(folder, name), i === names.length - 1);
    }
  }

  /** Compares ids of batches that are skipped with those that are stored. */
  checkIds(first: number, ids: readonly string[]): void {
    for (const [i, id] of ids.entries()) {
      const row = first + i;
      const stored = this.#known[Math.floor(row / this.#shardSize)]?.[row % this.#shardSize];
      if (stored !== id) throw this.#foreign(`row ${row}`, JSON.stringify(stored), JSON.stringify(id));
    }
  }

  async add(ids: readonly string[], rows: Readonly<Partial<Record<TowerName, Matrix>>>): Promise<void> {
    for (const [row, id] of ids.entries()) {
      this.#ids.push(id);
      for (const tower of this.#towers) {
        const matrix = rows[tower]!;
        this.#width[tower] = matrix.shape[1];
        this.#pending[tower] ??= [];
        this.#pending[tower].push(matrix.row(row).slice());
      }
      if (this.#ids.length === this.#shardSize) await this.#flush();
    }
  }

  /** @param complete false leaves rows of an unfinished shard to the next call */
  async finish(complete: boolean): Promise<{ shards: readonly string[]; rows: number }> {
    if (complete && this.#ids.length > 0) await this.#flush();
    return { shards: this.#shards, rows: this.rows };
  }

  async #flush(): Promise<void> {
    const path = join(this.#folder, `embeddings-${String(this.#shards.length).padStart(6, '0')}.safetensors`);
    const tensors = Object.fromEntries(
      Object.entries(this.#pending).map(([tower, rows]) => {
        const width = this.#width[tower]!;
        const data = new Float32Array(rows.length * width);
        for (const [i, row] of rows.entries()) data.set(row, i * width);
        return [tower, { dtype: 'float32' as const, shape: [rows.length, width], data }];
      }),
    );
    await writeSafetensors(path, tensors, { metadata: { ids: JSON.stringify(this.#ids), model: this.#model } });
    this.#shards.push(path);
    this.rows += this.#ids.length;
    this.#ids = [];
    this.#pending = {};
  }

  /** Takes over a shard of an earlier run; a short last one (its run had ended with less data) is made again. */
  #adopt(path: string, isLast: boolean): void {
    if (!existsSync(path)) return;
    const { metadata, infos } = openSafetensors(path);
    const towers = [...infos.keys()].sort().join();
    if (towers !== [...this.#towers].sort().join()) throw this.#foreign(path, [...this.#towers].join(), towers);
    if (metadata.model !== this.#model) throw this.#foreign(path, 'embeddings of this model', 'those of another');
    const ids = JSON.parse(metadata.ids ?? '[]') as string[];
    if (ids.length < this.#shardSize && isLast) {
      rmSync(path);
      return;
    }
    if (ids.length !== this.#shardSize) throw this.#foreign(path, `${this.#shardSize} rows`, String(ids.length));
    this.#known.push(ids);
    this.#shards.push(path);
    this.rows += ids.length;
  }

  #foreign(what: string, expected: string, got: string): CheckpointError {
    return new CheckpointError({
      where: `train.embedCollection: ${this.#folder}: ${what}`,
      expected,
      got,
      remedy: 'the folder holds another collection: choose a new one, or delete it',
    });
  }
}
