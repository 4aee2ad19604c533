import { EngineError } from '@diptych/core';
import type { Api } from './api.js';
import { EventWaiter } from './event-waiter.js';
import { DISPOSED, type Handle } from './handle.js';
import { Transfers } from './transfers.js';

/** What the parts of one client share. */
export class Runtime {
  readonly api: Api;
  readonly handle: Handle;
  readonly waiter: EventWaiter;
  readonly transfers = new Transfers();
  #running = 0;

  constructor(api: Api, handle: Handle) {
    this.api = api;
    this.handle = handle;
    this.waiter = new EventWaiter(api);
  }

  /** Counts work on other threads, which must end before the client does. */
  async during<T>(work: Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await work;
    } finally {
      this.#running--;
    }
  }

  /** @throws EngineError while other threads are at work in it */
  dispose(): void {
    if (this.#running > 0) {
      throw new EngineError({
        where: 'pjrt.Client.dispose',
        problem: `${this.#running} compilations, loads or waits are under way`,
        remedy: 'await them first',
      });
    }
    if (this.handle.isLive) this.transfers.finish();
    this.handle.end(DISPOSED);
  }
}
