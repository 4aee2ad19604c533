import { buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import { about, optional, runFlags, toggle, towerFlags } from './flags.js';
import type { InitFlags } from './init-run.js';

/** Flags of `init`; what is left out is asked for on a terminal. */
export const initCommand = buildCommand<InitFlags>({
  loader: async () => (await import('./init-run.js')).init,
  parameters: {
    flags: {
      data: optional(userPath, 'captioned pictures: a folder or a table', 'path'),
      ...towerFlags,
      split: {
        kind: 'enum',
        values: ['base', 'random'],
        brief: 'how pairs are held out (default base)',
        optional: true,
      },
      runs: runFlags.runs,
      yes: toggle('ask nothing: defaults for what no flag says'),
      force: toggle('write over a configuration that is there'),
    },
  },
  docs: about('Ask four questions and write diptych.config.ts', {
    '': 'asks for data, towers, split, and where runs go',
    '--data pictures --yes': 'asks nothing',
    '--data pairs.csv --model openai/clip-vit-base-patch32 --split random --force': 'in place of another',
  }),
});
