import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '@diptych/core';
import { ConfigError } from '@diptych/core';
import { RUN_FILES } from '@diptych/core/node';
import { trainCommand } from '../terminal/command-names.js';

/** Written at the start of a run: what it was asked for. Only a run with the same answers is gone on with. */
export const CONFIG_FILE = RUN_FILES.config;
/** Written last: a run that has it is finished. */
export const METRICS_FILE = RUN_FILES.metrics;

/** Where this start works, and whether it goes on with an interrupted run. */
export interface RunFolder {
  readonly path: string;
  readonly name: string;
  readonly resumes: boolean;
}

/**
 * Finds the folder of this start: the newest unfinished run that was asked for the same thing, else a new number. A
 * finished run is never touched.
 *
 * @param config what the run is asked for, as it is stored in `run.json`
 * @throws ConfigError if `name` is taken by a finished run or by a run of another configuration
 */
export function openRun(
  runs: string,
  config: Json,
  { fresh = false, name }: { fresh?: boolean; name?: string | undefined } = {},
): RunFolder {
  mkdirSync(runs, { recursive: true });
  const same = (run: string) => JSON.stringify(readConfig(join(runs, run))) === JSON.stringify(config);
  if (name !== undefined) {
    const path = join(runs, name);
    if (!existsSync(join(path, CONFIG_FILE))) return create(path, name);
    if (isFinished(path) || fresh || !same(name)) {
      throw new ConfigError({
        where: path,
        problem: isFinished(path) ? 'this run is finished' : 'this folder holds another run',
        remedy: 'choose another --name, or leave it out for the next number',
      });
    }
    return { path, name, resumes: true };
  }
  const numbered = listRuns(runs).filter((run) => /^\d+$/.test(run));
  const open = numbered.filter((run) => !isFinished(join(runs, run)) && same(run)).at(-1);
  if (open !== undefined && !fresh) return { path: join(runs, open), name: open, resumes: true };
  const next = String(Math.max(0, ...numbered.map(Number)) + 1).padStart(3, '0');
  return create(join(runs, next), next);
}

/** The run to search: the one named, or the newest finished one. */
export function findFinishedRun(runs: string, name?: string): string {
  const finished = listRuns(runs).filter((run) => isFinished(join(runs, run)));
  const byAge = (run: string) => statSync(join(runs, run, METRICS_FILE)).mtimeMs;
  const chosen = name ?? finished.sort((a, b) => byAge(a) - byAge(b)).at(-1);
  if (chosen === undefined || !finished.includes(chosen)) {
    throw new ConfigError({
      where: `--runs ${runs}`,
      expected: name === undefined ? 'a finished run' : `a finished run named ${name}`,
      got: finished.length === 0 ? 'none' : finished.join(', '),
      remedy: `train one first: ${trainCommand()}`,
    });
  }
  return join(runs, chosen);
}

function create(path: string, name: string): RunFolder {
  mkdirSync(path, { recursive: true });
  return { path, name, resumes: false };
}

function listRuns(runs: string): string[] {
  if (!existsSync(runs)) return [];
  return readdirSync(runs, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function isFinished(path: string): boolean {
  return existsSync(join(path, METRICS_FILE));
}

function readConfig(path: string): unknown {
  try {
    return JSON.parse(readFileSync(join(path, CONFIG_FILE), 'utf8'));
  } catch {
    return undefined;
  }
}
