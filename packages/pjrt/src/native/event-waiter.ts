import type { Api } from './api.js';

/** Threads of libuv's pool (four, unless UV_THREADPOOL_SIZE says otherwise) that may wait: files and lookups need the others. */
const MOST_WAITING = 2;

interface Waiting {
  readonly event: bigint;
  readonly where: string;
  settle(error?: unknown): void;
}

/**
 * Waits for events without the event loop. `PJRT_Event_OnReady` would call back on a thread of XLA's, which then stands still
 * until JavaScript has time for it, for ever if JavaScript waits for that thread; here only threads of our own stand.
 */
export class EventWaiter {
  readonly #api: Api;
  #queue: Waiting[] = [];
  #running = 0;

  constructor(api: Api) {
    this.#api = api;
  }

  isReady(event: bigint): boolean {
    const args = this.#api.args('Event_IsReady').point('event', event);
    return this.#api.call('pjrt.Event', 'Event_IsReady', args).bool('is_ready');
  }

  /** @throws PjrtError what became of the event */
  wait(where: string, event: bigint): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ event, where, settle: (error) => (error === undefined ? resolve() : reject(error)) });
      this.#next();
    });
  }

  /** The same, and the event loop stands still meanwhile. */
  waitSync(where: string, event: bigint): void {
    this.#api.call(where, 'Event_Await', this.#api.args('Event_Await').point('event', event));
  }

  #next(): void {
    while (this.#running < MOST_WAITING && this.#queue.length > 0) {
      const waiting = this.#queue.shift()!;
      if (this.isReady(waiting.event)) this.#settle(waiting);
      else void this.#await(waiting);
    }
  }

  async #await(waiting: Waiting): Promise<void> {
    this.#running++;
    const { where, event, settle } = waiting;
    try {
      await this.#api.callAsync(where, 'Event_Await', this.#api.args('Event_Await').point('event', event));
      settle();
    } catch (error) {
      settle(error);
    }
    this.#running--;
    // what stood behind a slower event may be done long since
    const [ready, open]: [Waiting[], Waiting[]] = [[], []];
    for (const other of this.#queue) (this.isReady(other.event) ? ready : open).push(other);
    this.#queue = open;
    for (const other of ready) this.#settle(other);
    this.#next();
  }

  /** Of an event that is ready: awaiting it takes no time. */
  #settle({ where, event, settle }: Waiting): void {
    try {
      this.waitSync(where, event);
      settle();
    } catch (error) {
      settle(error);
    }
  }
}
