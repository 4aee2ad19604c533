import { runCommand } from './run-command.js';

// `diptych search` beside the main job's program.
await runCommand('search');
