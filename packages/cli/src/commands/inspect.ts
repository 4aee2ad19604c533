import { buildCommand } from '@stricli/core';
import { CAPTIONS } from '../data/open-data.js';
import { towerName, userPath } from '../terminal/user-path.js';
import { optional, runFlags, toggle } from './flags.js';
import type { InspectFlags } from './inspect-run.js';
import { wholeNumber } from './parse.js';

/** Flags of `inspect`. */
export const inspectCommand = buildCommand<InspectFlags, [data?: string]>({
  loader: async () => (await import('./inspect-run.js')).inspectData,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'a folder of captioned pictures, or a table of pairs; default: the data of the configuration',
          parse: userPath,
          placeholder: 'data',
          optional: true,
        },
      ],
    },
    flags: {
      config: runFlags.config,
      captions: {
        kind: 'enum',
        values: CAPTIONS,
        brief: 'what of a .txt beside a picture is its caption (default lines)',
        optional: true,
      },
      text: optional(
        towerName,
        "text tower whose tokens are counted: a folder or a hub id (default: bert-base-uncased's tokens)",
        'tower',
      ),
      limit: optional(wholeNumber, 'look at this many pairs, from the start', 'number'),
      headers: toggle(
        'read only the beginnings of pictures: quicker, but finds none that are cut short, and no near-duplicates',
      ),
      quarantine: optional(userPath, 'also note each pair that cannot be used, a JSON object a line', 'file'),
      json: toggle('print what was found as JSON'),
    },
  },
  docs: {
    brief: 'Look captioned pictures over: counts, sizes, repetitions, what cannot be used and why',
    customUsage: [
      { input: 'pictures', brief: 'every picture below a folder, with its captions' },
      { input: 'pairs.csv --quarantine bad.jsonl', brief: 'with a list of what cannot be used' },
      { input: 'pairs.parquet --headers --limit 10000', brief: 'a quick look' },
      { input: 'pictures | grep duplicates', brief: 'in a pipe: a name and a value a line' },
    ],
  },
});
