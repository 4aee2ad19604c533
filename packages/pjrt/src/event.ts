import { collectWith, DISPOSED, Handle } from './native/handle.js';
import type { Runtime } from './native/runtime.js';

/** The end of asynchronous work on a device: it becomes ready once, well or with an error. */
export class Event {
  readonly #runtime: Runtime;
  readonly #handle: Handle;
  readonly #where: string;
  #outcome: Outcome | undefined;
  #waiting: Promise<void> | undefined;
  #hasThread = false;

  /** @internal */
  constructor(runtime: Runtime, where: string, pointer: bigint) {
    const { api, handle: owner } = runtime;
    this.#runtime = runtime;
    this.#where = where;
    const args = () => api.args('Event_Destroy').point('event', pointer);
    this.#handle = new Handle(api, 'event', pointer, 'Event_Destroy', args, owner);
    collectWith(this, this.#handle);
  }

  /** Whether the work has ended, with an error too. */
  get isReady(): boolean {
    return this.#outcome !== undefined || this.#runtime.waiter.isReady(this.#handle.pointer(this.#where));
  }

  /**
   * Resolves when the work has ended; the event loop goes on meanwhile.
   *
   * @throws PjrtError what became of the work
   */
  wait(): Promise<void> {
    this.#waiting ??= this.#wait();
    return this.#waiting;
  }

  async #wait(): Promise<void> {
    if (this.#outcome === undefined) {
      const pointer = this.#handle.pointer(this.#where);
      this.#hasThread = true;
      const outcome = await outcomeOf(() => this.#runtime.during(this.#runtime.waiter.wait(this.#where, pointer)));
      this.#hasThread = false;
      this.#settle(outcome);
    }
    this.#result();
  }

  /**
   * Stands still until the work has ended, the event loop too.
   *
   * @throws PjrtError what became of the work
   */
  waitSync(): void {
    if (this.#outcome === undefined) {
      const pointer = this.#handle.pointer(this.#where);
      try {
        this.#runtime.waiter.waitSync(this.#where, pointer);
        this.#settle({});
      } catch (error) {
        this.#settle({ error });
      }
    }
    this.#result();
  }

  /** Forgets the work, which goes on. An event that was waited for is disposed already. */
  dispose(): void {
    // one that a thread waits for ends when the work does
    if (!this.#hasThread) this.#handle.end(DISPOSED);
  }

  #settle(outcome: Outcome): void {
    this.#outcome ??= outcome;
    if (this.#hasThread) return;
    this.#handle.end(DISPOSED);
  }

  #result(): void {
    if (this.#outcome && 'error' in this.#outcome) throw this.#outcome.error;
  }
}

interface Outcome {
  readonly error?: unknown;
}

async function outcomeOf(work: () => Promise<void>): Promise<Outcome> {
  try {
    await work();
    return {};
  } catch (error) {
    return { error };
  }
}
