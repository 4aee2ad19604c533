import { buildCommand } from '@stricli/core';
import { CAPTIONS } from '../data/open-data.js';
import { towerName, userPath } from '../terminal/user-path.js';
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
      config: {
        kind: 'parsed',
        parse: userPath,
        brief: 'configuration; default: diptych.config.ts, .js or .json where the command runs',
        placeholder: 'file',
        optional: true,
      },
      captions: {
        kind: 'enum',
        values: CAPTIONS,
        brief: 'what of a .txt beside a picture is its caption (default lines)',
        optional: true,
      },
      text: {
        kind: 'parsed',
        parse: towerName,
        brief: "text tower whose tokens are counted: a folder or a hub id (default: bert-base-uncased's tokens)",
        placeholder: 'tower',
        optional: true,
      },
      limit: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'look at this many pairs, from the start',
        placeholder: 'number',
        optional: true,
      },
      headers: {
        kind: 'boolean',
        brief:
          'read only the beginnings of pictures: quicker, but finds none that are cut short, and no near-duplicates',
        default: false,
        withNegated: false,
      },
      quarantine: {
        kind: 'parsed',
        parse: userPath,
        brief: 'also note each pair that cannot be used, a JSON object a line',
        placeholder: 'file',
        optional: true,
      },
      json: { kind: 'boolean', brief: 'print what was found as JSON', default: false, withNegated: false },
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
