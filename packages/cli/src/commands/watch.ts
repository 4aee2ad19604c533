import { buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import { about, optional, runFlags, toggle } from './flags.js';
import { wholeNumber } from './parse.js';
import type { WatchFlags } from './watch-run.js';

/** Flags of `watch`. */
export const watchCommand = buildCommand<WatchFlags, [runs?: string]>({
  loader: async () => (await import('./watch-run.js')).watch,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: 'the folder of the runs, or of one run (default runs)',
          parse: userPath,
          placeholder: 'runs',
          optional: true,
        },
      ],
    },
    flags: {
      config: runFlags.config,
      host: {
        kind: 'parsed',
        parse: String,
        brief: 'where to listen; any other than this machine needs a token in DIPTYCH_TOKEN',
        placeholder: 'address',
        default: '127.0.0.1',
      },
      port: optional(wholeNumber, 'default 8090, or a free one', 'number'),
      json: toggle('print the address as JSON'),
    },
  },
  docs: about('Show training runs in a page: those that go on, and those that have ended', {
    '': 'all runs of the folder runs',
    'runs/003': 'one run',
  }),
});
