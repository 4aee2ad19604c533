import { loadConfig } from '../config/load-config.js';
import { RUNS } from '../config/train-plan.js';
import { findFinishedRun } from '../job/runs.js';
import type { RunFlags } from './flags.js';

/**
 * Folder of the run that a command is to work on.
 *
 * @throws ConfigError if there is no finished one, or for a configuration that cannot be read
 */
export async function askedRun({ config: file, runs, run }: RunFlags): Promise<string> {
  const { config } = await loadConfig(file, process.cwd());
  return findFinishedRun(runs ?? config.runs ?? RUNS, run);
}
