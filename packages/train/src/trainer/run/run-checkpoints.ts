import { CheckpointError, ConfigError } from '@diptych/core';
import type { CheckpointStore, TrainingSnapshot } from './checkpoint-store.js';
import type { RunEvents } from './run-events.js';

/** When to save; default after each epoch. */
export interface CheckpointEvery {
  readonly steps?: number;
  readonly epochs?: number;
}

/** Saves a run to a store, and says so. */
export class RunCheckpoints {
  readonly #store: CheckpointStore;
  readonly #every: CheckpointEvery;
  readonly #events: RunEvents;
  #saved = -1;

  constructor(store: CheckpointStore, every: CheckpointEvery, events: RunEvents) {
    this.#store = store;
    this.#every = every;
    this.#events = events;
  }

  /** After a step: saves where one is due. */
  async afterStep(step: number, snapshot: () => Promise<TrainingSnapshot>): Promise<void> {
    if (isDue(this.#every.steps, step)) await this.#save(step, snapshot, false);
  }

  /** After an epoch: the same. */
  async afterEpoch(epoch: number, step: number, snapshot: () => Promise<TrainingSnapshot>): Promise<void> {
    if (isDue(this.#every.epochs, epoch)) await this.#save(step, snapshot, false);
  }

  /**
   * The last one, unless the step is saved already.
   *
   * @throws CheckpointError if it cannot be written; on the way there that is an event
   */
  async finish(step: number, snapshot: () => Promise<TrainingSnapshot>): Promise<void> {
    await this.#save(step, snapshot, true);
  }

  async #save(step: number, snapshot: () => Promise<TrainingSnapshot>, last: boolean): Promise<void> {
    if (this.#saved === step) return;
    try {
      const name = await this.#store.save(await snapshot());
      this.#saved = step;
      await this.#events.tell({ kind: 'checkpoint', step, name });
    } catch (error) {
      if (last) throw error;
      const message = error instanceof Error ? error.message : String(error);
      await this.#events.tell({ kind: 'checkpointFailed', step, message });
    }
  }
}

/** True on every n-th; never where n is undefined. */
export function isDue(every: number | undefined, count: number): boolean {
  return every !== undefined && count % every === 0;
}

/** How `fit` enters a store that may hold checkpoints. */
export interface Entry {
  /**
   * Goes on from the latest checkpoint, or begins where there is none. Default false: a place that holds another run's
   * checkpoints is refused.
   */
  readonly resume?: boolean;
  /**
   * Puts another run's checkpoints and its log aside (deleting none) and begins anew. With `resume`: only where all of them are damaged.
   */
  readonly fresh?: boolean;
}

/**
 * Makes sure that a run which is not resumed touches no checkpoint of another.
 *
 * @param run the identity of the run that begins, or goes on from what it holds itself
 * @throws CheckpointError if the store holds another run's, with the choices named
 */
export async function enterStore(
  store: CheckpointStore,
  run: string,
  { resume = false, fresh = false }: Entry,
  events: RunEvents,
): Promise<void> {
  const others = (await runsIn(store)).filter((held) => resume || held !== run);
  if (others.length === 0) return;
  const place = store.folder ?? 'this store';
  if (!fresh && resume) {
    throw new CheckpointError({
      where: 'train.Trainer.fit: resume',
      problem: `every checkpoint in ${place} is damaged`,
      remedy: 'bring one back from a copy, or pass fresh: true as well, which puts them aside and begins at step 0',
    });
  }
  if (!fresh) {
    throw new CheckpointError({
      where: 'train.Trainer.fit: checkpoint',
      problem: `${place} holds the checkpoints of another run`,
      remedy:
        'pass resume: true to go on with that run, fresh: true to put its checkpoints aside and begin a new one, ' +
        'or name another folder',
    });
  }
  if (!store.moveAside) {
    throw new ConfigError({
      where: 'train.Trainer.fit: fresh',
      problem: 'this store cannot put checkpoints aside (it has no moveAside)',
      remedy: 'use an empty store',
    });
  }
  await events.movedAside(await store.moveAside());
}

async function runsIn(store: CheckpointStore): Promise<readonly string[]> {
  if (store.runs) return store.runs();
  const latest = await store.load('latest');
  return latest ? [latest.state.run ?? ''] : [];
}
