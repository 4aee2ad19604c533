import { buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import type { EmbedFlags } from './embed-run.js';
import { about, backendFlag, picturesArgument, runFlags, toggle } from './flags.js';

/** Flags of `embed`. */
export const embedCommand = buildCommand<EmbedFlags, [data: string]>({
  loader: async () => (await import('./embed-run.js')).embed,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [picturesArgument],
    },
    flags: {
      ...runFlags,
      out: {
        kind: 'parsed',
        parse: userPath,
        brief: 'folder for the embeddings',
        placeholder: 'folder',
        default: 'embeddings',
      },
      towers: { kind: 'enum', values: ['image', 'text', 'both'], brief: 'what to embed', default: 'image' },
      backend: backendFlag,
      json: toggle('print what was written as JSON'),
    },
  },
  docs: about('Embed pictures or captions with a finished run, into safetensors', {
    pictures: 'every picture below a folder',
    'pairs.jsonl --towers both --out mine': 'pictures and captions',
  }),
});
