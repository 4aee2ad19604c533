import { buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import { wholeNumber } from './parse.js';
import { runFlags } from './run-flags.js';
import type { ServeFlags } from './serve-run.js';

/** Flags of `serve`. */
export const serveCommand = buildCommand<ServeFlags, [index?: string]>({
  loader: async () => (await import('./serve-run.js')).serveIndex,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'what `diptych index` made (default pictures.index)',
          parse: userPath,
          placeholder: 'index',
          optional: true,
        },
      ],
    },
    flags: {
      ...runFlags,
      model: {
        kind: 'parsed',
        parse: userPath,
        brief: 'a model folder; default: what the index was made with, else the newest finished run',
        placeholder: 'folder',
        optional: true,
      },
      pictures: {
        kind: 'parsed',
        parse: userPath,
        brief: 'the folder of the pictures, if it was moved',
        placeholder: 'folder',
        optional: true,
      },
      host: {
        kind: 'parsed',
        parse: String,
        brief: 'where to listen; any other than this machine needs a token in DIPTYCH_TOKEN',
        placeholder: 'address',
        default: '127.0.0.1',
      },
      port: { kind: 'parsed', parse: wholeNumber, brief: '0 for a free one', placeholder: 'number', default: '8080' },
      json: { kind: 'boolean', brief: 'print the address as JSON', default: false, withNegated: false },
    },
  },
  docs: {
    brief: 'Serve a model and an index over HTTP, with a search page',
    customUsage: [
      { input: '', brief: 'the search page of pictures.index at http://127.0.0.1:8080' },
      { input: 'mine.index --port 9000', brief: 'another index, elsewhere' },
    ],
  },
});
