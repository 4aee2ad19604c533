import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RUN_FILES } from '@diptych/core/node';
import { Quarantine } from '@diptych/data';
import { type StartedRun, startRun } from '@diptych/train/node';
import type { TrainPlan } from '../config/train-plan.js';
import { manyCaptions } from '../data/many-captions.js';
import { thisCommand } from '../terminal/command-names.js';
import { interruptible } from '../terminal/interruption.js';
import { say } from '../terminal/say.js';
import { chooseMethod } from './choose-method.js';
import type { Method, SplitData, Trained } from './method.js';
import { runConfig } from './run-config.js';
import { openRun, type RunFolder } from './runs.js';
import { splitData } from './split-data.js';

/** A run whose model is trained. */
export interface TrainedRun extends SplitData {
  readonly run: RunFolder;
  readonly started: StartedRun;
  readonly method: Method;
  readonly trained: Trained;
  /** What could not be used. */
  readonly bad: Quarantine;
  /** Of training, in this start. */
  readonly seconds: number;
}

/**
 * Trains until it is done or interrupted, by Ctrl-C or by a page.
 *
 * @param waits whether the process stays when a page stopped it, so that a page can go on with it
 * @returns undefined if it was interrupted, with its state saved
 */
export async function trainStoppably(plan: TrainPlan, waits: boolean): Promise<TrainedRun | undefined> {
  let { name, fresh } = plan;
  while (true) {
    // what was trained a little is not what a start begins with: each has models of its own
    const method = await chooseMethod(plan);
    const config = runConfig(plan, method);
    const run = openRun(plan.runs, config, { fresh, name });
    const bad = new Quarantine({ quarantine: join(run.path, 'quarantine.jsonl') });
    const split = await splitData(plan, method, bad);
    const { pairs, train, heldOut } = split;
    say(
      `${pairs.length} pairs: ${train.length} to train on, ${heldOut.length} held out (split ${plan.split}, seed ${plan.seed}); ${run.path}`,
    );
    const note = manyCaptions(pairs);
    if (note) console.warn(note);
    if (!run.resumes) await writeFile(join(run.path, RUN_FILES.config), `${JSON.stringify(config, null, 2)}\n`);
    const started = startRun(run.path, { command: thisCommand() });
    const begin = performance.now();
    try {
      const { trained, interrupted } = await interruptible(async (signal) => ({
        trained: await method.train({ ...split, run, started, signal: AbortSignal.any([signal, started.signal]) }),
        interrupted: signal.aborted,
      }));
      if (trained) return { ...split, run, started, method, trained, bad, seconds: (performance.now() - begin) / 1000 };
      if (!waits || interrupted || !(await goesOn(started))) {
        started.end('aborted');
        return undefined;
      }
    } catch (error) {
      started.end('failed', (error as Error).message);
      throw error;
    }
    ({ name } = run);
    fresh = false;
  }
}

/** Waits for a page to go on, or for Ctrl-C. */
async function goesOn(started: StartedRun): Promise<boolean> {
  say('stopped from the page, which can go on with it; Ctrl-C ends');
  return interruptible((signal) => started.resumed(signal));
}
