import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ConfigError } from '@diptych/core';
import { configText, type InitAnswers } from '../config/config-text.js';
import { CONFIG_FILES } from '../config/load-config.js';
import { RUNS, trainPlan } from '../config/train-plan.js';
import { askForConfig, type Prompts } from '../terminal/ask-for-config.js';
import { INTERRUPTED } from '../terminal/interruption.js';

/** What `init` was asked for. */
export interface InitFlags extends Partial<InitAnswers> {
  readonly yes: boolean;
  readonly force: boolean;
}

/** The work of `diptych init`. */
export async function init(flags: InitFlags): Promise<void> {
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  await writeConfig(flags, process.cwd(), isTerminal ? await import('@clack/prompts') : undefined);
}

/**
 * @param folder that gets the configuration
 * @param prompts ask what flags leave open; undefined where nobody answers
 * @throws ConfigError for a folder that has a configuration, or answers that `train` would refuse
 */
export async function writeConfig(flags: InitFlags, folder: string, prompts: Prompts | undefined): Promise<void> {
  const { yes, force, ...given } = flags;
  const there = CONFIG_FILES.find((name) => existsSync(join(folder, name)));
  if (there !== undefined && !force) {
    throw new ConfigError({
      where: 'diptych init',
      expected: 'a folder without a configuration',
      got: there,
      remedy: 'change that file, or write over it with --force',
    });
  }
  const answers = yes || prompts === undefined ? withDefaults(given) : await askForConfig(given, prompts);
  if (answers === undefined) {
    process.exitCode = INTERRUPTED;
    return;
  }
  // what train would refuse is refused before it is written
  trainPlan({ ...answers, quick: false, fresh: false, dryRun: false, json: false }, {});
  const file = join(folder, CONFIG_FILES[0]);
  await writeFile(file, configText(answers, folder));
  const other = there === undefined || there === CONFIG_FILES[0] ? '' : `\n${there} is no longer read: remove it`;
  console.log(`wrote ${resolve(file)}${other}\n\nNext:
  diptych inspect            what the data holds
  diptych train --dry-run    what training would do and take
  diptych train`);
}

/** @throws ConfigError without data */
function withDefaults({ data, split = 'base', runs = RUNS, ...towers }: Partial<InitAnswers>): InitAnswers {
  if (data !== undefined) return { data, split, runs, ...towers };
  throw new ConfigError({
    where: 'diptych init',
    expected: '--data, as nobody is asked',
    got: 'none',
    remedy: 'diptych init --data pictures',
  });
}
