import {
  checkFields,
  checkList,
  checkOptions,
  checkPositive,
  type JsonObject,
  type OptionNames,
  parametersOf,
  type Stateful,
  WeightsError,
} from '@diptych/core';
import type { NameAdapter } from './adapter.js';
import type { HubConfig } from './hub-config.js';
import type { LoadReport } from './load-report.js';
import { loadState } from './load-state.js';
import type { OpenSourceOptions } from './node/open-source.js';
import type { TensorCollection } from './tensor-collection.js';

/** What `fromPretrained` of every encoder takes beside its own options. */
export interface PretrainedOptions {
  /** Width of the result. Where the checkpoint has no head of this width, a new one starts with first weights. */
  readonly embedDim?: number;
  /** The safetensors file, where its name is not a usual one. */
  readonly file?: string;
  /** Refuse a checkpoint with missing or unexpected tensors. Default true; the report lists them in any case. */
  readonly strict?: boolean;
  /** How the hub is reached: revision, token, endpoint, progress. */
  readonly hub?: OpenSourceOptions;
}

/** What every `fromPretrained` takes, with the first weights of a new head. */
const PRETRAINED = {
  embedDim: 'optional',
  file: 'optional',
  strict: 'optional',
  hub: 'optional',
  seed: 'optional',
  generator: 'optional',
} as const;

/**
 * Checks the options of a `fromPretrained` before anything is fetched.
 *
 * @param more names that this one takes beside those of all
 * @throws ConfigError for an unknown option, with the nearest known name, or a width that is none
 */
export function checkPretrained(where: string, options: PretrainedOptions, more: readonly string[] = []): void {
  checkList(where, 'the names', more);
  const names = { ...PRETRAINED, ...Object.fromEntries(more.map((name) => [name, 'optional'])) };
  checkOptions(where, options as object, names as OptionNames<object>);
  if (options.embedDim !== undefined) checkPositive(where, 'embedDim', options.embedDim);
}

/** The tokenizer that belongs to a checkpoint. */
export interface TokenizerSettings {
  /** Folder, or hub id with revision, that holds its files. */
  readonly source: string;
  /** Longest row of tokens: of the position table, or less where the checkpoint says so. */
  readonly maxLength: number;
}

/** What an encoder that came from a checkpoint knows of it. */
export interface Pretrained {
  /** What was loaded, which tensors are new, which settings had no effect: `String(report)` is a table. */
  readonly report?: LoadReport;
  /** Image encoders: settings of the transform that belongs to the weights, for `imageTransform` of preprocess. */
  readonly transform?: JsonObject;
  /** Text encoders. */
  readonly tokenizer?: TokenizerSettings;
}

/** A layer that gets first weights where the checkpoint has none of its size: as a rule an encoder's head. */
export interface FreshLayer {
  /** Its path in the model: `head.fc`. */
  readonly name: string;
  readonly layer: Stateful;
  /** Makes such a layer with first weights. */
  readonly make: () => Stateful;
}

/** How {@link fillModel} fits a checkpoint to a model. */
export interface FillOptions {
  /** How the checkpoint's names become the model's. */
  readonly adapter: NameAdapter;
  /** Layers that get first weights where the checkpoint has none that fit. */
  readonly fresh?: readonly FreshLayer[];
  readonly strict?: boolean;
  /** Fits tensors to the model before they are copied: positions for another size of pictures. */
  readonly prepare?: (tensors: TensorCollection) => TensorCollection;
  /** The configuration that the model was built from; what was not read of it is listed in the report. */
  readonly config?: HubConfig;
}

/**
 * Copies a checkpoint into a model that was built without drawing weights; layers that are named as `fresh` get first weights
 * where the checkpoint has none that fit. A model that cannot be filled is freed.
 *
 * @throws WeightsError if the checkpoint does not fit
 */
export function fillModel(target: Stateful, checkpoint: TensorCollection, options: FillOptions): LoadReport {
  checkFields('weights.fillModel', 'the options', options, ['adapter']);
  const { adapter, fresh: layers = [], strict, prepare, config } = options;
  const fresh = layers.map(({ name }) => new RegExp(`^${name.replaceAll('.', '\\.')}\\.`));
  try {
    const checked = strict === false ? checkpoint : finite(checkpoint);
    const tensors = prepare?.(checked) ?? checked;
    const report = loadState(target, tensors, { adapter, fresh, strict, unusedSettings: config?.unread() });
    for (const [index, layer] of layers.entries()) {
      if (report.fresh.some(({ name }) => fresh[index]!.test(name))) restart(layer);
    }
    return report;
  } catch (error) {
    target.dispose();
    throw error;
  }
}

/**
 * A checkpoint whose numbers are looked at as they are read: with one NaN all embeddings are NaN, long after this.
 */
function finite(checkpoint: TensorCollection): TensorCollection {
  return {
    name: checkpoint.name,
    infos: checkpoint.infos,
    metadata: checkpoint.metadata,
    read: (name) => {
      const tensor = checkpoint.read(name);
      if (tensor.dtype !== 'float32' || hasOnlyNumbers(tensor.data)) return tensor;
      throw new WeightsError({
        where: checkpoint.name,
        expected: 'finite numbers',
        got: `${Number.isNaN(tensor.data.find((x) => !Number.isFinite(x))) ? 'NaN' : 'Infinity'} in ${name}`,
        remedy:
          'its training diverged, or half precision overflowed as it was saved: take an earlier or a float32 checkpoint; strict: false loads it as it is',
      });
    },
  };
}

/** `x - x` is 0 for a finite number and NaN for all others: one pass without a call for each of a hundred million. */
function hasOnlyNumbers(numbers: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i]! - numbers[i]!;
  return sum === 0;
}

/** Gives a layer the first weights of a new one. */
function restart({ layer, make }: FreshLayer): void {
  const made = make();
  const first = new Map(parametersOf(made));
  for (const [name, parameter] of parametersOf(layer)) parameter.assign(first.get(name)!);
  made.dispose();
}

/** The adapter, leaving out tensors that the model does not want. */
export function ignoring(adapter: NameAdapter, ...patterns: readonly RegExp[]): NameAdapter {
  checkFields('weights.ignoring', 'an adapter', adapter, []);
  return { ...adapter, ignore: [...(adapter.ignore ?? []), ...patterns] };
}
