import { buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import type { EvalFlags } from './eval-run.js';
import { about, backendFlag, layoutFlags, optional, runFlags, toggle } from './flags.js';

/** Flags of `eval`. */
export const evalCommand = buildCommand<EvalFlags>({
  loader: async () => (await import('./eval-run.js')).evaluateRun,
  parameters: {
    flags: {
      ...runFlags,
      data: optional(
        userPath,
        'pairs to evaluate on; default: those of the configuration. Of the data that a run was trained on, only what it held out',
        'path',
      ),
      ...layoutFlags,
      backend: backendFlag,
      json: toggle('print the figures as JSON'),
    },
  },
  docs: about('Evaluate a finished run, on the pairs that it held out or on others', {
    '--data pairs.jsonl': 'what the newest run held out of these',
    '--run 001 --data others/ --json': 'on pairs that it never saw',
  }),
});
