import { isDiptychError, StoreError } from '@diptych/core';

/** What every adapter has to look after: that it is open, and what its errors say. */
export class OpenStore {
  readonly #where: string;
  #closed = false;

  /** @param where for messages: `search.PgVectorStore: pictures` */
  constructor(where: string) {
    this.#where = where;
  }

  /** Returns whether it was open. */
  close(): boolean {
    const open = !this.#closed;
    this.#closed = true;
    return open;
  }

  /**
   * One call of the store.
   *
   * @throws StoreError once it is closed, and for whatever the database throws
   */
  async call<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#closed) throw new StoreError({ where: this.#where, problem: 'the store was closed' });
    return inStore(this.#where, work);
  }
}

/** @throws StoreError for whatever a database throws */
export async function inStore<Result>(where: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (isDiptychError(error)) throw error;
    throw new StoreError({ where, problem: error instanceof Error ? error.message : String(error) }, { cause: error });
  }
}
