import { buildCommand } from '@stricli/core';
import { CAPTIONS } from '../data/open-data.js';
import { userPath } from '../terminal/user-path.js';
import type { EvalFlags } from './eval-run.js';
import { backendFlag, optional, runFlags, toggle } from './flags.js';

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
      captions: {
        kind: 'enum',
        values: CAPTIONS,
        brief: 'what of a .txt beside a picture is its caption (default lines)',
        optional: true,
      },
      backend: backendFlag,
      json: toggle('print the figures as JSON'),
    },
  },
  docs: {
    brief: 'Evaluate a finished run, on the pairs that it held out or on others',
    customUsage: [
      { input: '--data pairs.jsonl', brief: 'what the newest run held out of these' },
      { input: '--run 001 --data others/ --json', brief: 'on pairs that it never saw' },
    ],
  },
});
