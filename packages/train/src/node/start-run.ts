import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { checkOptions, checkPath, type JsonObject, type OptionNames } from '@diptych/core';
import { type ExamplePair, ownIdentity, RUN_FILES, type RunProcess, replaceJson, takeAsk } from '@diptych/core/node';
import type { FitResult } from '../trainer/options.js';
import type { TrainingLog } from '../trainer/run/run-events.js';
import { jsonlLog } from './jsonl-log.js';

/** What pages say of a run beside its log. */
export interface StartRunOptions {
  /** What the run was asked for, by which runs are compared; `run.json`, which stays where it is there. */
  readonly config?: JsonObject;
  /** What a person types to go on with it. */
  readonly command?: string;
}

/** How a run ended, as pages say it. */
export type RunEnd = FitResult['stopped'] | 'failed';

/** A run that pages can follow, stop and go on with. */
export interface StartedRun {
  readonly path: string;
  /** For `fit`: every step and event, in `steps.jsonl`. */
  readonly log: TrainingLog;
  /** For `fit`: aborted when a page asks to stop. */
  readonly signal: AbortSignal;
  /** Names captions and pictures of `validate.retrieval`'s source, in its order, for the examples. */
  showPairs(pairs: Iterable<ExamplePair>): void;
  /** After a stop: waits until a page asks to go on, or until `signal` is aborted. */
  resumed(signal?: AbortSignal): Promise<boolean>;
  /** Says how it ended. Nothing happens the second time. */
  end(how?: RunEnd, message?: string): void;
}

const OPTIONS: OptionNames<StartRunOptions> = { config: 'optional', command: 'optional' };
/** Milliseconds between two looks at what pages ask. */
const LOOK = 300;

/**
 * Makes a folder a run that the training page shows while it trains (`watchRuns` of `@diptych/serve/training`, `diptych watch`).
 *
 * ```ts ignore
 * const run = startRun('runs/first', { config: { learningRate: 1e-3 } });
 * const { stopped } = await trainer.fit(loader, { epochs: 5, checkpoint: run.path, log: run.log, signal: run.signal });
 * run.end(stopped);
 * ```
 *
 * @throws ConfigError for options that are none
 */
export function startRun(folder: string, options: StartRunOptions = {}): StartedRun {
  checkPath('train.startRun', folder);
  checkOptions('train.startRun', options, OPTIONS);
  const { config, command } = options;
  mkdirSync(folder, { recursive: true });
  const file = (name: keyof typeof RUN_FILES) => join(folder, RUN_FILES[name]);
  const startedAt = new Date().toISOString();
  const tell = (more: Pick<RunProcess, 'state' | 'stopped' | 'message'>) =>
    replaceJson(file('process'), { ...ownIdentity(), ...more, command, startedAt } satisfies RunProcess);
  if (config !== undefined && !existsSync(file('config'))) replaceJson(file('config'), config);
  rmSync(file('ask'), { force: true }); // of a process before this one
  tell({ state: 'training' });

  const stop = new AbortController();
  let ended = false;
  const looking = setInterval(() => {
    if (takeAsk(folder) === 'stop') stop.abort();
  }, LOOK);
  looking.unref();
  return {
    path: folder,
    log: jsonlLog(file('log')),
    signal: stop.signal,
    showPairs: (pairs) => replaceJson(file('examples'), [...pairs]),
    async resumed(signal) {
      clearInterval(looking);
      tell({ state: 'waiting', stopped: 'aborted' });
      while (!signal?.aborted) {
        if (takeAsk(folder) === 'resume') return true;
        await new Promise((resolve) => setTimeout(resolve, LOOK));
      }
      return false;
    },
    end(how = 'done', message) {
      clearInterval(looking);
      if (ended) return;
      ended = true;
      tell({ state: 'ended', stopped: how, ...(message !== undefined && { message }) });
    },
  };
}
