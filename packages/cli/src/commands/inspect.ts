import { buildCommand } from '@stricli/core';
import { towerName, userPath } from '../terminal/user-path.js';
import { about, layoutFlags, optional, runFlags, toggle } from './flags.js';
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
      ...layoutFlags,
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
  docs: about('Look captioned pictures over: counts, sizes, repetitions, what cannot be used and why', {
    pictures: 'every picture below a folder, with its captions',
    'pairs.csv --quarantine bad.jsonl': 'with a list of what cannot be used',
    'pairs.parquet --headers --limit 10000': 'a quick look',
    'pictures | grep duplicates': 'in a pipe: a name and a value a line',
  }),
});
