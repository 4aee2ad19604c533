import { type RunningPage, watchRuns } from '@diptych/serve/training';
import type { TrainPlan } from '../config/train-plan.js';
import { say } from './say.js';

/**
 * The training page of a run that begins, where it was asked for. Training needs none: a page that cannot be served is only said, unless its port
 * was asked for.
 *
 * @throws ConfigError for a port that is taken
 */
export async function openPage({ watch, port, runs }: TrainPlan): Promise<RunningPage | undefined> {
  if (!watch) return undefined;
  try {
    const page = await watchRuns({ runs, ...(port !== undefined && { port }) });
    say(`training page at ${page.url}`);
    return page;
  } catch (error) {
    if (port !== undefined) throw error;
    console.warn(`no training page: ${(error as Error).message}`);
    return undefined;
  }
}
