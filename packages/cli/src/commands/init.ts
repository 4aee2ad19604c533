import { buildCommand } from '@stricli/core';
import { towerName, userPath } from '../terminal/user-path.js';
import type { InitFlags } from './init-run.js';

/** Flags of `init`; what is left out is asked for on a terminal. */
export const initCommand = buildCommand<InitFlags>({
  loader: async () => (await import('./init-run.js')).init,
  parameters: {
    flags: {
      data: {
        kind: 'parsed',
        parse: userPath,
        brief: 'captioned pictures: a folder or a table',
        placeholder: 'path',
        optional: true,
      },
      image: {
        kind: 'parsed',
        parse: towerName,
        brief: 'image tower: a folder, a hub id, or scratch',
        placeholder: 'tower',
        optional: true,
      },
      text: {
        kind: 'parsed',
        parse: towerName,
        brief: 'text tower: a folder, a hub id, or scratch',
        placeholder: 'tower',
        optional: true,
      },
      model: {
        kind: 'parsed',
        parse: towerName,
        brief: 'a dual encoder (CLIP, SigLIP) in place of the two',
        placeholder: 'model',
        optional: true,
      },
      split: {
        kind: 'enum',
        values: ['base', 'random'],
        brief: 'how pairs are held out (default base)',
        optional: true,
      },
      runs: {
        kind: 'parsed',
        parse: userPath,
        brief: 'where runs are kept (default runs)',
        placeholder: 'folder',
        optional: true,
      },
      yes: {
        kind: 'boolean',
        brief: 'ask nothing: defaults for what no flag says',
        default: false,
        withNegated: false,
      },
      force: {
        kind: 'boolean',
        brief: 'write over a configuration that is there',
        default: false,
        withNegated: false,
      },
    },
  },
  docs: {
    brief: 'Ask four questions and write diptych.config.ts',
    customUsage: [
      { input: '', brief: 'asks for data, towers, split, and where runs go' },
      { input: '--data pictures --yes', brief: 'asks nothing' },
      {
        input: '--data pairs.csv --model openai/clip-vit-base-patch32 --split random --force',
        brief: 'in place of another',
      },
    ],
  },
});
