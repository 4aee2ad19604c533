import * as v from 'valibot';
import { CAPTIONS } from '../data/open-data.js';
import type { Pair } from '../data/pair.js';
import { BACKENDS } from '../engine/backends.js';
import { TUNES } from '../job/towers/tower-names.js';

const wholeNumber = v.pipe(v.number(), v.integer(), v.minValue(0));
const path = v.pipe(v.string(), v.nonEmpty());

/** Pairs that the configuration itself makes, under a name that tells them from others. */
export const ownPairs = v.strictObject({
  name: v.pipe(v.string(), v.nonEmpty()),
  /** Where they are from, for the report. */
  about: v.optional(v.string()),
  pairs: v.custom<() => readonly Pair[] | Promise<readonly Pair[]>>(
    (value) => typeof value === 'function',
    'a function',
  ),
});

/** What a configuration file may hold; flags of the command line go before it. */
export const CONFIG_SCHEMA = v.strictObject({
  /** A file or folder of captioned pictures, from the configuration's folder, or pairs of its own. */
  data: v.optional(v.lazy((value): typeof path | typeof ownPairs => (typeof value === 'object' ? ownPairs : path))),
  split: v.optional(v.picklist(['random', 'base'])),
  seed: v.optional(wholeNumber),
  backend: v.optional(v.picklist(BACKENDS)),
  /** Folder that holds the runs. */
  runs: v.optional(path),
  steps: v.optional(v.pipe(wholeNumber, v.minValue(1))),
  /** What of a `.txt` beside a picture is its caption. */
  captions: v.optional(v.picklist(CAPTIONS)),
  /** Columns of a table that hold pictures and captions, where their names do not say so. */
  columns: v.optional(v.strictObject({ image: v.string(), text: v.string() })),
  /** Folder that a table's paths start from, where it is not the table's or one near it. */
  pictures: v.optional(path),
  /** Folder or hub id of an image tower, or `scratch`. */
  image: v.optional(path),
  text: v.optional(path),
  /** Folder or hub id of a dual encoder, in place of the two. */
  model: v.optional(path),
  tune: v.optional(v.picklist(TUNES)),
  /** Most GiB of features in `runs/.features`; default 8. */
  featuresGiB: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0.001))),
  /** A file of word vectors for the vocabulary of bert-base-uncased (`ids` and `vectors` in safetensors), for training from scratch. */
  wordVectors: v.optional(path),
});

/** What a configuration file holds. */
export type DiptychConfig = v.InferOutput<typeof CONFIG_SCHEMA>;

/** What a configuration may depend on. */
export interface ConfigFlags {
  /** Data that the command line names in place of the configuration's. */
  readonly data?: string;
}

/** A configuration, or one that depends on the command line. */
export type ConfigOrFunction = DiptychConfig | ((flags: ConfigFlags) => DiptychConfig | Promise<DiptychConfig>);

/** Types a configuration: `export default defineConfig({ data: 'pictures' })`. */
export function defineConfig<Config extends ConfigOrFunction>(config: Config): Config {
  return config;
}
