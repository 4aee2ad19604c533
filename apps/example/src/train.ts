import { runCommand } from './run-command.js';

// The main job as a program of its own: `diptych train` with the configuration of this folder.
await runCommand('train', '--config', new URL('../diptych.config.ts', import.meta.url));
