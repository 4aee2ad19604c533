import type { Json, JsonObject } from '@diptych/core';
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
