import { ConfigError } from '@diptych/core';
import type { Captions, DataLayout } from '../data/open-data.js';
import { ownPairs, type PairData, pairsAt } from '../data/read-pairs.js';
import type { SplitKind } from '../data/split.js';
import type { BackendName } from '../engine/backends.js';
import { DEFAULT_TOWERS, type TowerNames, type Tune } from '../job/towers/tower-names.js';
import type { DiptychConfig } from './schema.js';

/** What `train` was asked for on the command line. */
export interface TrainFlags {
  readonly data?: string;
  readonly config?: string;
  readonly split?: SplitKind;
  readonly seed?: number;
  readonly backend?: BackendName;
  readonly steps?: number;
  /** A short run for CI: fewer steps, the same path. */
  readonly quick: boolean;
  /** Starts a new run folder even where an interrupted run could go on. */
  readonly fresh: boolean;
  readonly runs?: string;
  readonly name?: string;
  readonly captions?: Captions;
  readonly columns?: DataLayout['columns'];
  readonly pictures?: string;
  readonly image?: string;
  readonly text?: string;
  readonly model?: string;
  readonly tune?: Tune;
  readonly dryRun: boolean;
  readonly json: boolean;
  /** Serves the training page meanwhile. */
  readonly watch?: boolean;
  /** Of that page. */
  readonly port?: number;
}

/** What a run does, with nothing left to be decided. */
export interface TrainPlan {
  readonly data: PairData;
  readonly split: SplitKind;
  readonly seed: number;
  readonly backend: BackendName;
  readonly quick: boolean;
  readonly fresh: boolean;
  /** Folder that holds the runs. */
  readonly runs: string;
  /** Folder name of this run; without one the next number. */
  readonly name: string | undefined;
  /** In place of the recipe's. */
  readonly steps: number | undefined;
  /** Towers that others trained, small ones from scratch, or the best that can be had (`auto`). */
  readonly towers: TowerNames | 'scratch' | 'auto';
  readonly tune: Tune;
  /** Most GiB that features of frozen towers take, of all runs. */
  readonly featuresGiB: number;
  /** Serves the training page meanwhile. */
  readonly watch: boolean;
  /** Of that page; without one 8090, or a free one. */
  readonly port: number | undefined;
  /** Figures as JSON on standard output in place of text. */
  readonly json: boolean;
  /** File of word vectors, for a text tower from scratch. */
  readonly wordVectors: string | undefined;
}

/** Where runs are kept if nobody says. */
export const RUNS = 'runs';
/** Room for the towers' features of about a million pairs. */
const FEATURES_GIB = 8;

/**
 * Flags go before the configuration, the configuration before defaults.
 *
 * @throws ConfigError without data
 */
export function trainPlan(flags: TrainFlags, config: DiptychConfig): TrainPlan {
  return {
    data: dataOf(flags, config, 'diptych train'),
    split: flags.split ?? config.split ?? 'base',
    seed: flags.seed ?? config.seed ?? 0,
    backend: flags.backend ?? config.backend ?? 'onnxruntime',
    quick: flags.quick,
    fresh: flags.fresh,
    runs: flags.runs ?? config.runs ?? RUNS,
    name: flags.name,
    steps: flags.steps ?? config.steps,
    towers: towersOf(flags, config),
    tune: flags.tune ?? config.tune ?? 'heads',
    featuresGiB: config.featuresGiB ?? FEATURES_GIB,
    watch: flags.watch === true || flags.port !== undefined,
    port: flags.port,
    json: flags.json,
    wordVectors: config.wordVectors,
  };
}

/**
 * Flags go before the configuration.
 *
 * @param command for the message
 * @throws ConfigError without data
 */
export function dataOf(
  flags: DataLayout & { readonly data?: string },
  config: DiptychConfig,
  command: string,
): PairData {
  const { data } = config;
  const layout = layoutOf(flags, config);
  if (flags.data !== undefined) return pairsAt(flags.data, '--data', layout);
  if (typeof data === 'string') return pairsAt(data, 'data', layout);
  if (data !== undefined) {
    const { name, about = name, pairs } = data;
    return { name, about, read: () => ownPairs(name, pairs) };
  }
  throw new ConfigError({
    where: command,
    expected: 'captioned pictures',
    got: 'none',
    remedy: `${command} --data pairs.jsonl, or name them in diptych.config.ts`,
  });
}

/** Flags go before the configuration. */
export function layoutOf(flags: DataLayout, config: Pick<DiptychConfig, keyof DataLayout>): DataLayout {
  return {
    captions: flags.captions ?? config.captions,
    columns: flags.columns ?? config.columns,
    pictures: flags.pictures ?? config.pictures,
  };
}

/** @throws ConfigError for a dual encoder beside towers, or one tower from scratch beside a trained one */
function towersOf(flags: TrainFlags, config: DiptychConfig): TrainPlan['towers'] {
  const { image, text, model } = { ...sidesOf(config), ...sidesOf(flags) };
  if (model !== undefined && (image !== undefined || text !== undefined)) {
    throw new ConfigError({
      where: 'diptych train',
      expected: '--model, or --image and --text',
      got: 'both',
      remedy: 'a dual encoder brings both towers: leave --image and --text out',
    });
  }
  if (model !== undefined) return { model };
  const named = [image, text].filter((name) => name !== undefined);
  if (named.length === 0) return 'auto';
  const scratch = named.filter((name) => name === 'scratch').length;
  if (scratch === named.length) return 'scratch';
  if (scratch === 0) return { image: image ?? DEFAULT_TOWERS.image, text: text ?? DEFAULT_TOWERS.text };
  throw new ConfigError({
    where: 'diptych train',
    expected: 'two trained towers, or two from scratch',
    got: `--image ${image} and --text ${text}`,
    remedy: 'name a trained tower for both, or leave one out for the default',
  });
}

type Sides = Pick<TrainFlags, 'image' | 'text' | 'model'>;

/** Flags that name towers go before all of the configuration's. */
function sidesOf({ image, text, model }: Sides): Sides {
  const named = { image, text, model };
  return Object.values(named).some((name) => name !== undefined) ? named : {};
}
