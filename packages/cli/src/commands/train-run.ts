import { loadConfig } from '../config/load-config.js';
import { type TrainFlags, trainPlan } from '../config/train-plan.js';
import { dryRun } from '../job/dry-run.js';
import { runTraining } from '../job/run-training.js';
import { INTERRUPTED } from '../terminal/interruption.js';
import { keepOutputForJson } from '../terminal/say.js';

/** The work of `diptych train`. */
export async function train(flags: TrainFlags, data?: string): Promise<void> {
  if (flags.json) keepOutputForJson();
  const asked = { ...flags, data: flags.data ?? data };
  const { config } = await loadConfig(flags.config, process.cwd(), asked);
  const plan = trainPlan(asked, config);
  if (flags.dryRun) return dryRun(plan);
  const outcome = await runTraining(plan);
  process.exitCode = outcome === 'interrupted' ? INTERRUPTED : 0;
}
