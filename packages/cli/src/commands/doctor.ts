import { buildCommand } from '@stricli/core';
import { BACKENDS } from '../engine/backends.js';
import type { DoctorFlags } from './doctor-run.js';
import { about, runFlags, toggle } from './flags.js';

/** Flags of `doctor`. */
export const doctorCommand = buildCommand<DoctorFlags>({
  loader: async () => (await import('./doctor-run.js')).examine,
  parameters: {
    flags: {
      config: runFlags.config,
      runs: runFlags.runs,
      tryEngine: {
        kind: 'enum',
        values: BACKENDS,
        brief: 'let an engine train a small step, and say as JSON how that went',
        optional: true,
        hidden: true,
      },
      json: toggle('print what was found as JSON'),
    },
  },
  docs: about('Look over what commands need: Node, engine, GPU, memory, disk, hub; each finding with a remedy', {
    '': 'ok, note or MEND for each thing; exit code 1 where something has to be mended',
    '--json': 'for reports of bugs',
  }),
});
