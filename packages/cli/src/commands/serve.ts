import { buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import { about, optional, runFlags, toggle } from './flags.js';
import { wholeNumber } from './parse.js';
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
      model: optional(
        userPath,
        'a model folder; default: what the index was made with, else the newest finished run',
        'folder',
      ),
      add: optional(
        userPath,
        'index this folder of pictures, or table of pairs, while the page shows how far it is; again, only what has changed',
        'pictures',
      ),
      pictures: optional(userPath, 'the folder of the pictures, if it was moved', 'folder'),
      host: {
        kind: 'parsed',
        parse: String,
        brief: 'where to listen; any other than this machine needs a token in DIPTYCH_TOKEN',
        placeholder: 'address',
        default: '127.0.0.1',
      },
      port: { kind: 'parsed', parse: wholeNumber, brief: '0 for a free one', placeholder: 'number', default: '8080' },
      json: toggle('print the address as JSON'),
    },
  },
  docs: about('Serve a model and an index over HTTP, with a search page', {
    '': 'the search page of pictures.index at http://127.0.0.1:8080',
    '--add photos': 'a search page at once, over what is indexed so far',
    'mine.index --port 9000': 'another index, elsewhere',
  }),
});
