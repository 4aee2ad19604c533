import { CheckpointError, type Json, type JsonObject } from '@diptych/core';
import { adapters, renameTensors, withCurrentOptions } from '@diptych/weights';
import type { TrainingSnapshot } from './checkpoint-store.js';
import type { RunSettings } from './run-settings.js';

/** What is known of the data, beside what the source says of its place. */
export type DataMark = {
  /** Of its content, where the source has one. */
  readonly fingerprint?: string;
  /** Pairs of the epoch's first batch. */
  readonly batchSize?: number;
  /** Of the ids of the last batch. */
  readonly lastBatch?: number;
};

/** Where a run stands, beside its tensors. */
export interface Position {
  /** Identity of the run; '' for runs that were begun before there were identities. */
  readonly run: string;
  readonly step: number;
  readonly epoch: number;
  /** Batches of this epoch that are done. */
  readonly batch: number;
  readonly seed: number;
  /** Of the last step. */
  readonly loss?: number;
  readonly settings?: RunSettings;
  readonly data?: DataMark;
  /** What the batch source said of its place. */
  readonly source?: Json;
  /** Early stopping's memory. */
  readonly validation?: JsonObject;
}

/** 2: each part has one word, `image.*`, `text.*`, `fusion.*`. 1: `image_encoder.*`, `text_encoder.*`, `fusion_layer.*`. */
export const SNAPSHOT_VERSION = 2;

type State = Omit<Position, 'run'> &
  Partial<Pick<Position, 'run'>> & { readonly stepCounts: Readonly<Record<string, number>> };

/**
 * A snapshot as this version writes it: the one place that knows older formats.
 *
 * @param names of the parameters that it is for
 * @throws CheckpointError if it is of a format that this version does not know
 */
export function currentFormat(
  { tensors, state: json }: TrainingSnapshot,
  names: readonly string[],
  where: string,
): { readonly tensors: TrainingSnapshot['tensors']; readonly state: State } {
  const given = json as JsonObject & State;
  const state = { ...given, settings: withCurrentOptions(given.settings) };
  if (json.version === SNAPSHOT_VERSION) return { tensors, state };
  if (json.version !== 1) {
    throw new CheckpointError({ where, expected: `format 1 or ${SNAPSHOT_VERSION}`, got: String(json.version) });
  }
  // a model of your own may go on using a name that was MultiModalEncoder's
  const adapter = names.some((name) => tensors.model?.has(name) && isOld(name)) ? {} : adapters.fromFormat1;
  const files = Object.entries(tensors).map(([name, file]) => [name, renameTensors(file, adapter)] as const);
  const stepCounts = Object.fromEntries(renameTensors(new Map(Object.entries(state.stepCounts)), adapter));
  return { tensors: Object.fromEntries(files), state: { ...state, stepCounts } };
}

function isOld(name: string): boolean {
  return adapters.fromFormat1.rules!.some(({ from }) => from.test(name));
}
