import { CheckpointError, type JsonObject } from '@diptych/core';
import type { TensorData } from '@diptych/weights';

/** Everything that a run needs to go on as if it had never stopped. */
export interface TrainingSnapshot {
  /** Tensors by file: `model`, `optimizer`, and `ema` where there is one. */
  readonly tensors: Readonly<Record<string, ReadonlyMap<string, TensorData>>>;
  /** The run's identity (`run`), step, epoch, data position, step counts: plain JSON. */
  readonly state: JsonObject & { readonly step: number; readonly run?: string };
  /** The tokenizer's files by name, where the source has one. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the run is judged by, larger is better; for keeping the best. */
  readonly score?: number;
}

/** Takes what a store passed over because it is damaged. */
export type OnDamaged = (name: string, message: string) => void | Promise<void>;

/**
 * Where snapshots are kept: a folder (`FolderCheckpoints` of `@diptych/train/node`), or your own place.
 *
 * A snapshot belongs to the run in its state. A store never drops or replaces one of another run.
 */
export interface CheckpointStore {
  /** Where it is, for messages. */
  readonly folder?: string;
  /**
   * Keeps a snapshot, and drops older ones of the same run only after it was read back and found equal.
   *
   * @returns its name
   * @throws CheckpointError if it cannot be kept; older snapshots are then as they were
   */
  save(snapshot: TrainingSnapshot): Promise<string>;
  /**
   * @param which `latest` and `best` skip damaged snapshots; a name does not
   * @param onDamaged hears of the ones that were skipped
   * @returns undefined where there is none
   * @throws CheckpointError if the named one is damaged
   */
  load(which: string, onDamaged?: OnDamaged): Promise<TrainingSnapshot | undefined>;
  /**
   * Takes the place for one process, before the first step of a `fit`; `close` gives it back.
   *
   * @param bytes about the size of a snapshot
   * @throws CheckpointError if another process has it, or nothing can be written there
   */
  open?(bytes: number): Promise<void>;
  close?(): Promise<void>;
  /** Identities of the runs whose snapshots are here, '' for a snapshot that does not say. Without it `load('latest')` is asked. */
  runs?(): Promise<readonly string[]>;
  /**
   * Puts all snapshots aside, deleting none, so that a new run can begin.
   *
   * @returns where they are now
   */
  moveAside?(): Promise<string>;
}

/** Where the folder store lives; kept in a variable so that bundlers for browsers do not follow it. */
const NODE_ENTRY = '@diptych/train/node';

/**
 * The store of a folder, or the store itself.
 *
 * @throws CheckpointError if a folder is named where there is no file system
 */
export async function openStore(checkpoint: string | CheckpointStore): Promise<CheckpointStore> {
  if (typeof checkpoint !== 'string') return checkpoint;
  try {
    const node = (await import(/* @vite-ignore */ NODE_ENTRY)) as {
      FolderCheckpoints: new (folder: string) => CheckpointStore;
    };
    return new node.FolderCheckpoints(`${checkpoint}/checkpoints`);
  } catch (cause) {
    throw new CheckpointError(
      {
        where: `train: checkpoint ${checkpoint}`,
        problem: 'folders need Node, and @diptych/train/node cannot be loaded here',
        remedy: 'pass a CheckpointStore of your own',
      },
      { cause },
    );
  }
}
