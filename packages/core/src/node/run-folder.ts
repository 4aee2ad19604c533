import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkPath } from '../config-checks.js';
import { CheckpointError } from '../errors.js';
import type { ProcessIdentity } from './process-identity.js';

/** Files of a run's folder that its writer and the pages that show it share. */
export const RUN_FILES = {
  /** What the run was asked for, as JSON. */
  config: 'run.json',
  /** A record a line: steps, validations, examples, warnings. */
  log: 'steps.jsonl',
  /** What a finished run came to. */
  metrics: 'metrics.json',
  /** Which process trains: a {@link RunProcess}. */
  process: 'process.json',
  /** What a page asked of it: a {@link RunAsk}. */
  ask: 'ask.json',
  /** Pictures and captions by the ids of the log's examples: a list of {@link ExamplePair}. */
  examples: 'examples.json',
  /** What people call it: `{ "name": … }`. */
  title: 'title.json',
} as const;

/** The process of a run. Whether it still lives is asked of the system: a process that was killed writes nothing. */
export interface RunProcess extends ProcessIdentity {
  /** `waiting`: training was stopped, and goes on when it is asked for. `ended`: the process has nothing to do with the run any more. */
  readonly state: 'training' | 'waiting' | 'ended';
  /** How training ended, where it did. */
  readonly stopped?: 'done' | 'early' | 'aborted' | 'failed';
  /** Why it failed. */
  readonly message?: string;
  /** How a person starts it again. */
  readonly command?: string;
  readonly startedAt: string;
}

/** What a page may ask of a run's process. */
export type RunAsk = 'stop' | 'resume';

/** A pair of the examples. */
export interface ExamplePair {
  readonly id: string;
  readonly text: string;
  /** Path of the picture; undefined where there is no file. */
  readonly image?: string;
}

/**
 * Asks something of the process that trains in a folder. It looks some times a second.
 *
 * @throws CheckpointError if the folder cannot be written to
 */
export function askRun(folder: string, ask: RunAsk): void {
  checkPath('core.askRun', folder);
  replaceJson(join(folder, RUN_FILES.ask), { ask });
}

/** What was asked since the last call. */
export function takeAsk(folder: string): RunAsk | undefined {
  checkPath('core.takeAsk', folder);
  const path = join(folder, RUN_FILES.ask);
  const asked = readJson(path) as { ask?: unknown } | undefined;
  if (asked === undefined) return undefined;
  rmSync(path, { force: true });
  return asked.ask === 'stop' || asked.ask === 'resume' ? asked.ask : undefined;
}

/**
 * Writes a small file as a whole or not at all; a power cut may lose it.
 *
 * @throws CheckpointError if it cannot be written
 */
export function replaceJson(path: string, value: unknown): void {
  checkPath('core.replaceJson', path);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`);
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    const problem = `it cannot be written: ${(cause as Error).message}`;
    throw new CheckpointError(
      { where: path, problem, remedy: 'look at the folder and the room on its disk' },
      { cause },
    );
  }
}

/** @returns undefined where there is no such file, or no JSON in it */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
