import * as v from 'valibot';
import type { Pair } from '../data/pair.js';
import { BACKENDS } from '../engine/backends.js';

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
  /** A file of word vectors for the vocabulary of bert-base-uncased (`ids` and `vectors` in safetensors), for training from scratch. */
  wordVectors: v.optional(path),
});

/** What a configuration file holds. */
export type DiptychConfig = v.InferOutput<typeof CONFIG_SCHEMA>;

/** Types a configuration: `export default defineConfig({ data: 'pictures' })`. */
export function defineConfig(config: DiptychConfig): DiptychConfig {
  return config;
}
