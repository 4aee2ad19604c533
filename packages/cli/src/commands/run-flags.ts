import { userPath } from '../terminal/user-path.js';

/** Flags of every command that works on a finished run. */
export const runFlags = {
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
  run: {
    kind: 'parsed',
    parse: String,
    brief: 'the run; default: the newest finished one',
    placeholder: 'name',
    optional: true,
  },
} as const;

/** What these flags hold. */
export interface RunFlags {
  readonly config?: string;
  readonly runs?: string;
  readonly run?: string;
}
