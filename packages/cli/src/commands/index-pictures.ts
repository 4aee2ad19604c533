import { buildCommand } from '@stricli/core';
import { BACKENDS } from '../engine/backends.js';
import { userPath } from '../terminal/user-path.js';
import type { IndexFlags } from './index-pictures-run.js';
import { runFlags } from './run-flags.js';

/** Where an index is, unless it is said. */
export const INDEX = 'pictures.index';

/** Flags of `index`. */
export const indexCommand = buildCommand<IndexFlags, [data: string]>({
  loader: async () => (await import('./index-pictures-run.js')).index,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'a folder of pictures, with captions or without, or a table of pairs',
          parse: userPath,
          placeholder: 'data',
        },
      ],
    },
    flags: {
      ...runFlags,
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
      backend: { kind: 'enum', values: BACKENDS, brief: 'compute engine', default: 'onnxruntime' },
      json: { kind: 'boolean', brief: 'print what was done as JSON', default: false, withNegated: false },
    },
  },
  docs: {
    brief: 'Embed pictures into an index, for serve; again, only what has changed',
    customUsage: [
      { input: 'pictures', brief: 'every picture below a folder' },
      { input: 'pairs.jsonl --out mine.index --run 001', brief: 'of a table, with the model of a run' },
    ],
  },
});
