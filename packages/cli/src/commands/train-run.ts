import { loadConfig } from '../config/load-config.js';
import { type TrainFlags, trainPlan } from '../config/train-plan.js';
import { runTraining } from '../job/run-training.js';

/** Shells expect 128 + the number of the signal; SIGINT is 2. */
const INTERRUPTED = 130;

/** The work of `diptych train`. */
export async function train(flags: TrainFlags, data?: string): Promise<void> {
  const { config } = await loadConfig(flags.config, process.cwd());
  const outcome = await runTraining(trainPlan({ data, ...flags }, config));
  process.exitCode = outcome === 'interrupted' ? INTERRUPTED : 0;
}
