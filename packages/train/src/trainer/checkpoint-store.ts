import type { JsonObject } from '@diptych/core';
import type { TensorData } from '@diptych/weights';

/** Everything that a run needs to go on as if it had never stopped. */
export interface TrainingSnapshot {
  /** Tensors by file: `model`, `optimizer`, and `ema` where there is one. */
  readonly tensors: Readonly<Record<string, ReadonlyMap<string, TensorData>>>;
  /** Step, epoch, data position, step counts: plain JSON. */
  readonly state: JsonObject & { readonly step: number };
  /** What the run is judged by, larger is better; for keeping the best. */
  readonly score?: number;
}

/** Where snapshots are kept: a folder (`FolderCheckpoints` of `@diptych/train/node`), or a place of one's own. */
export interface CheckpointStore {
  /**
   * Keeps a snapshot, and drops older ones only after it was read back and found equal.
   *
   * @returns its name
   * @throws CheckpointError if it cannot be kept; older snapshots are then as they were
   */
  save(snapshot: TrainingSnapshot): Promise<string>;
  /**
   * @param which `latest` and `best` skip damaged snapshots; a name does not
   * @returns undefined where there is none
   * @throws CheckpointError if the named one is damaged
   */
  load(which: string): Promise<TrainingSnapshot | undefined>;
}
