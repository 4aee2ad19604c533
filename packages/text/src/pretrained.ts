import type { Stateful } from '@diptych/core';
import type { RandomWeights } from '@diptych/nn';
import {
  type LoadOptions,
  type LoadReport,
  loadState,
  type NamedTensors,
  type OpenSourceOptions,
} from '@diptych/weights';

/** The tokenizer that belongs to a checkpoint. */
export interface TokenizerSettings {
  /** Folder, or hub id with revision, that holds its files. */
  readonly source: string;
  /** Longest row of tokens: of the position table, or less where the checkpoint says so. */
  readonly maxLength: number;
}

/** What an encoder that came from a checkpoint knows of it. */
export interface Pretrained {
  readonly tokenizer?: TokenizerSettings;
  /** What was loaded, which tensors are new, which were left out: `String(report)` is a table. */
  readonly report?: LoadReport;
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

/**
 * Copies a checkpoint into a model that was built without drawing weights, and notes what came of it. A model that cannot
 * be filled is freed.
 *
 * @throws WeightsError if the checkpoint does not fit
 */
export function fillModel<Model extends Stateful>(
  model: Model,
  tensors: NamedTensors,
  options: LoadOptions,
  tokenizer: TokenizerSettings,
): Model & Required<Pretrained> {
  try {
    return Object.assign(model, { report: loadState(model, tensors, options), tokenizer });
  } catch (error) {
    model.dispose();
    throw error;
  }
}
