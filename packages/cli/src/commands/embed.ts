import { buildCommand } from '@stricli/core';
import { BACKENDS } from '../engine/backends.js';
import { userPath } from '../terminal/user-path.js';
import type { EmbedFlags } from './embed-run.js';
import { runFlags } from './run-flags.js';

/** Flags of `embed`. */
export const embedCommand = buildCommand<EmbedFlags, [data: string]>({
  loader: async () => (await import('./embed-run.js')).embed,
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
      out: {
        kind: 'parsed',
        parse: userPath,
        brief: 'folder for the embeddings',
        placeholder: 'folder',
        default: 'embeddings',
      },
      towers: { kind: 'enum', values: ['image', 'text', 'both'], brief: 'what to embed', default: 'image' },
      backend: { kind: 'enum', values: BACKENDS, brief: 'compute engine', default: 'onnxruntime' },
      json: { kind: 'boolean', brief: 'print what was written as JSON', default: false, withNegated: false },
    },
  },
  docs: {
    brief: 'Embed pictures or captions with a finished run, into safetensors',
    customUsage: [
      { input: 'pictures', brief: 'every picture below a folder' },
      { input: 'pairs.jsonl --towers both --out mine', brief: 'pictures and captions' },
    ],
  },
});
