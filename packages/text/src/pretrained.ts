import type { RandomWeights } from '@diptych/nn';
import type { LoadReport, OpenSourceOptions } from '@diptych/weights';

/** Where an encoder's weights came from and what belongs to them. */
export interface Pretrained {
  /** Folder, or hub id with revision: a tokenizer loaded from there fits the weights. */
  readonly source: string;
  /** What was loaded tensor by tensor, new heads and left-out tensors included. */
  readonly report: LoadReport;
  /** Longest row of tokens: of the position table, or less where the checkpoint says so. */
  readonly maxLength: number;
}

/** What `fromPretrained` of every text encoder takes beside its own options. */
export interface FromPretrainedOptions extends RandomWeights {
  /** Revision, token, endpoint, progress, for models on the hub. */
  readonly hub?: OpenSourceOptions;
  /** The tensors' file, where the usual names do not do. */
  readonly file?: string;
  /** Refuse a checkpoint with missing or unexpected tensors. Default true; the report lists them in any case. */
  readonly strict?: boolean;
}
