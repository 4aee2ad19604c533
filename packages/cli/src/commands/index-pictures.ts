import { buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import { about, backendFlag, layoutFlags, picturesArgument, runFlags, toggle } from './flags.js';
import type { IndexFlags } from './index-pictures-run.js';

/** Where an index is, unless it is said. */
export const INDEX = 'pictures.index';

/** Flags of `index`. */
export const indexCommand = buildCommand<IndexFlags, [data: string]>({
  loader: async () => (await import('./index-pictures-run.js')).index,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [picturesArgument],
    },
    flags: {
      ...runFlags,
      ...layoutFlags,
      out: { kind: 'parsed', parse: userPath, brief: 'the index', placeholder: 'folder', default: INDEX },
      vectors: {
        kind: 'enum',
        values: ['both', 'picture'],
        brief: 'what pictures are found by: captions as well, where there are some, or the picture alone',
        default: 'both',
      },
      precision: {
        kind: 'enum',
        values: ['float32', 'float16', 'int8'],
        brief: 'how vectors are held for the scan',
        default: 'float32',
      },
      backend: backendFlag,
      json: toggle('print what was done as JSON'),
    },
  },
  docs: about('Embed pictures into an index, for serve; again, only what has changed', {
    pictures: 'every picture below a folder',
    'pairs.jsonl --out mine.index --run 001': 'of a table, with the model of a run',
  }),
});
