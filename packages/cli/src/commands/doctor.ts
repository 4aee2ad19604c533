import { buildCommand } from '@stricli/core';
import { BACKENDS } from '../engine/backends.js';
import { userPath } from '../terminal/user-path.js';
import type { DoctorFlags } from './doctor-run.js';

/** Flags of `doctor`. */
export const doctorCommand = buildCommand<DoctorFlags>({
  loader: async () => (await import('./doctor-run.js')).examine,
  parameters: {
    flags: {
      config: {
        kind: 'parsed',
        parse: userPath,
        brief: 'configuration; default: diptych.config.ts, .js or .json where the command runs',
        placeholder: 'file',
        optional: true,
      },
      runs: {
        kind: 'parsed',
        parse: userPath,
        brief: 'where runs are kept (default runs)',
        placeholder: 'folder',
        optional: true,
      },
      tryEngine: {
        kind: 'enum',
        values: BACKENDS,
        brief: 'let an engine train a small step, and say as JSON how that went',
        optional: true,
        hidden: true,
      },
      json: { kind: 'boolean', brief: 'print what was found as JSON', default: false, withNegated: false },
    },
  },
  docs: {
    brief: 'Look over what commands need: Node, engine, GPU, memory, disk, hub; each finding with a remedy',
    customUsage: [
      { input: '', brief: 'ok, note or MEND for each thing; exit code 1 where something has to be mended' },
      { input: '--json', brief: 'for reports of bugs' },
    ],
  },
});
