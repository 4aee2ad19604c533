import { buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import { optional, runFlags, toggle, towerFlags } from './flags.js';
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
