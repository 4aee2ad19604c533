import type { Communicator, Json } from '@diptych/core';
import { type CheckpointStore, openStore } from '../trainer/run/checkpoint-store.js';
import type { Listeners } from '../trainer/run/run-events.js';
import { checkCommunicator } from './check-communicator.js';
import { broadcastJson, isAny } from './exchange.js';
import { FollowingStore, TellingStore } from './shared-store.js';

/** What a trainer does as one of several ranks: rank 0 writes, measures and speaks, the others hear of it. Alone it is rank 0. */
export class Ranks {
  readonly #communicator: Communicator | undefined;

  /** @throws ConfigError unless it is a communicator */
  constructor(communicator: Communicator | undefined) {
    this.#communicator = checkCommunicator(communicator);
  }

  get isAlone(): boolean {
    return this.#communicator === undefined;
  }

  get isFirst(): boolean {
    return (this.#communicator?.rank ?? 0) === 0;
  }

  /** Whether it is so on any rank. */
  async any(here: boolean): Promise<boolean> {
    return this.#communicator ? await isAny(this.#communicator, here) : here;
  }

  /** The sum over ranks. */
  async sum(here: number): Promise<number> {
    if (!this.#communicator) return here;
    const [sum] = await this.#communicator.allReduce(Float64Array.of(here));
    return sum!;
  }

  /** Runs something on rank 0 alone; every rank gets what came of it, as JSON keeps it. */
  async first<Result extends object>(run: () => Promise<Result>): Promise<Result> {
    if (!this.#communicator) return run();
    let own: Result | undefined;
    const said = await broadcastJson(this.#communicator, async () => {
      own = await run();
      return own as Json;
    });
    return own ?? (said as object as Result);
  }

  /** The store of a folder, or one's own: rank 0 has it, the others get what it loads. */
  async store(checkpoint: string | CheckpointStore): Promise<CheckpointStore> {
    const communicator = this.#communicator;
    if (!communicator) return openStore(checkpoint);
    return communicator.rank === 0
      ? new TellingStore(await openStore(checkpoint), communicator)
      : new FollowingStore(communicator);
  }

  /** Who hears of a run: the log is rank 0's, and on the others nothing goes to the console by itself. */
  listeners({ onStep, onEvent, log }: Listeners): Listeners {
    return this.isFirst ? { onStep, onEvent, log } : { onStep, onEvent: onEvent ?? (() => {}) };
  }

  /** Runs something in which no rank may be left behind: where it fails here, all ranks end. */
  async together<Result>(run: () => Promise<Result>): Promise<Result> {
    try {
      return await run();
    } catch (error) {
      await this.#communicator?.abort(error);
      throw error;
    }
  }
}
