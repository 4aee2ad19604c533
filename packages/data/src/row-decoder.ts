import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@diptych/core';
import type { DecodedBatch } from './assemble.js';
import { BatchMemory } from './batch-memory.js';
import {
  canDecode,
  type DecodeParts,
  type DecodeResult,
  type DecodeTask,
  decodeRows,
  givesBytes,
  type Pixels,
  rowSizeOf,
} from './decode-rows.js';
import { DecodedCache } from './decoded-cache.js';
import type { LoaderSettings } from './loader-options.js';
import type { PlannedBatch } from './sampling/plan.js';
import { DecodePool } from './worker/decode-pool.js';
import { portablePart } from './worker/import-kinds.js';

/** Decodes planned batches: in this thread or in workers, into memory that came back, from pictures that were kept. */
export class RowDecoder {
  /** Pixels of one picture, channels included. */
  readonly rowSize: number;
  readonly #options: LoaderSettings;
  readonly #cache: DecodedCache | undefined;
  readonly #memory = new BatchMemory();
  #pool: DecodePool | undefined;

  /** @throws ConfigError if the transform cannot what an option asks for, or parts cannot travel to workers */
  constructor(options: LoaderSettings) {
    this.#options = options;
    const { transform, cache, cacheBytes, output, workers } = options;
    if (cache === 'decoded') {
      if (!canDecode(transform)) {
        throw new ConfigError({
          where: 'data.DataLoader',
          expected: "a transform with decode(image) for cache: 'decoded'",
          got: `the kind ${JSON.stringify(transform.describe().kind)} without one`,
          remedy: 'leave cache out, or decode the pictures and give them to pairs() as { data, width, height }',
        });
      }
      this.#cache = new DecodedCache(cacheBytes);
    }
    if (output === 'uint8' && !givesBytes(transform)) {
      throw new ConfigError({
        where: 'data.DataLoader',
        expected: "a transform with intoBytes() for output: 'uint8'",
        got: `the kind ${JSON.stringify(transform.describe().kind)} without one`,
        remedy: "leave output out, or make the transform with @diptych/preprocess/image's compose or imageTransform",
      });
    }
    if (workers > 0) this.#portableParts();
    this.rowSize = rowSizeOf(transform);
  }

  /** Worker threads that died and were replaced. */
  get deaths(): number {
    return this.#pool?.deaths ?? 0;
  }

  async decode(planned: PlannedBatch): Promise<DecodedBatch> {
    const { rows } = planned;
    const task: DecodeTask = {
      rows: rows.map(({ record, text, context }) => ({
        image: this.#cache?.lookUp(record.item, record.image) ?? record.image,
        text,
        origin: record.origin,
        context,
      })),
      keepDecoded: this.#cache !== undefined && !this.#cache.full,
    };
    const result = await this.#run(task);
    for (const [i, image] of result.decoded?.entries() ?? []) {
      if (image) this.#cache?.keep(rows[i]!.record.item, image);
    }
    return { planned, result };
  }

  /** Notes pixels that are handed out. */
  give(pixels: Pixels): void {
    this.#memory.give(pixels);
  }

  /** Takes back pixels that were handed out: a later batch may be decoded into them. */
  takeBack(pixels: Pixels): void {
    if (this.#options.workers === 0) this.#memory.takeBack(pixels);
  }

  /** Ends the worker threads; the next batch starts new ones. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.close();
  }

  async #run(task: DecodeTask): Promise<DecodeResult> {
    const { transform, tokenizer, workers, tokenize, output, maxImageBytes, taskTimeout } = this.#options;
    if (workers === 0) {
      const parts: DecodeParts = { transform, tokenizer, tokenize, output, maxImageBytes };
      return decodeRows(task, parts, this.#memory.reuse(task.rows.length * this.rowSize));
    }
    this.#pool ??= new DecodePool({
      workers,
      setup: {
        ...this.#portableParts(),
        tokenize,
        output,
        maxImageBytes,
        resolveFrom: [process.argv[1], resolve('package.json')].filter((file) => file !== undefined),
      },
      workerFile: workerPath(this.#options.workerFile),
      taskTimeout,
      rowSize: this.rowSize,
    });
    return this.#pool.run(task);
  }

  #portableParts() {
    const { transform, tokenizer } = this.#options;
    return {
      transform: portablePart('transform', transform.describe()),
      tokenizer: portablePart('tokenizer', tokenizer.describe()),
    };
  }
}

function workerPath(file: string | URL | undefined): string {
  const place = file ?? new URL('./worker.js', import.meta.url);
  return place instanceof URL || place.startsWith('file:') ? fileURLToPath(place) : place;
}
