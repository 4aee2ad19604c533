import { isDiptychError } from '@diptych/core';
import { HttpError } from '../api/problem.js';

/** How {@link Batcher} works. */
export interface BatcherOptions {
  /** Most items that go through the model at once. */
  readonly maxBatch: number;
  /** Most items that wait; more are refused with 429. */
  readonly maxWaiting: number;
  readonly onBatch?: (size: number) => void;
}

interface Waiting<Item, Row> {
  readonly item: Item;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (row: Row) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Items of many requests through one function: what comes while a batch is under way makes the next one. Nobody waits for a
 * batch to fill, so a request that is alone is as fast as without.
 */
export class Batcher<Item, Row> {
  readonly #run: (items: readonly Item[]) => Promise<readonly Row[]>;
  readonly #options: BatcherOptions;
  #waiting: Waiting<Item, Row>[] = [];
  #busy = false;

  constructor(run: (items: readonly Item[]) => Promise<readonly Row[]>, options: BatcherOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Items that no batch has taken yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Rows of some items.
   *
   * @param signal drops what has not begun
   * @throws HttpError 429 if too many wait; what the function throws, for the item that it is about where that can be told
   */
  async add(items: readonly Item[], signal?: AbortSignal): Promise<Row[]> {
    if (this.#waiting.length + items.length > this.#options.maxWaiting) throw busy();
    const rows = items.map(
      (item) =>
        new Promise<Row>((resolve, reject) => {
          this.#waiting.push({ item, signal, resolve, reject });
        }),
    );
    void this.#next();
    // all are waited for, so that none is left to reject alone
    const settled = await Promise.allSettled(rows);
    return settled.map((row) => {
      if (row.status === 'rejected') throw row.reason;
      return row.value;
    });
  }

  async #next(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    // what the same turn of the event loop brings goes together
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch: Waiting<Item, Row>[] = [];
      while (batch.length < this.#options.maxBatch && this.#waiting.length > 0) {
        const next = this.#waiting.shift()!;
        if (next.signal?.aborted) next.reject(next.signal.reason);
        else batch.push(next);
      }
      if (batch.length > 0) await this.#runBatch(batch);
    }
    this.#busy = false;
  }

  async #runBatch(batch: readonly Waiting<Item, Row>[]): Promise<void> {
    this.#options.onBatch?.(batch.length);
    try {
      const rows = await this.#run(batch.map(({ item }) => item));
      for (const [i, { resolve }] of batch.entries()) resolve(rows[i]!);
    } catch (error) {
      // one broken picture must not fail its neighbours
      if (batch.length > 1 && isDiptychError(error) && error.code === 'input') {
        for (const one of batch) await this.#runBatch([one]);
      } else for (const { reject } of batch) reject(error);
    }
  }
}

function busy(): HttpError {
  return new HttpError(429, {
    where: 'serve',
    problem: 'too much waits for the model',
    remedy: 'ask again after Retry-After seconds',
  });
}
