import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@diptych/core';
import { Quarantine } from '@diptych/data';
import type { ImagePipeline } from '@diptych/preprocess/image';
import { load } from 'diptych';
import { loadConfig } from '../config/load-config.js';
import { dataOf, RUNS } from '../config/train-plan.js';
import type { DataLayout } from '../data/open-data.js';
import type { Pair } from '../data/pair.js';
import { type SplitKind, splitPairs } from '../data/split.js';
import { type BackendName, useBackend } from '../engine/backends.js';
import { embedWith } from '../job/embed-with.js';
import { evaluate } from '../job/evaluate.js';
import { CONFIG_FILE, findFinishedRun } from '../job/runs.js';
import { printFigures } from '../job/summary.js';
import type { RunFlags } from './flags.js';

/** What `eval` was asked for. */
export interface EvalFlags extends RunFlags, DataLayout {
  readonly data?: string;
  readonly backend: BackendName;
  readonly json: boolean;
}

/** The work of `diptych eval`. */
export async function evaluateRun(flags: EvalFlags): Promise<void> {
  const { config } = await loadConfig(flags.config, process.cwd());
  await useBackend(flags.backend);
  const folder = findFinishedRun(flags.runs ?? config.runs ?? RUNS, flags.run);
  const data = dataOf(flags, config, 'diptych eval');
  const model = await load(folder);
  const bad = new Quarantine({ quarantine: false });
  // a run's transform is of preprocess: the job made it
  const pairs = await data.read(model.transform as ImagePipeline, bad.reject);
  const { chosen, seed } = neverSeen(folder, data.name, pairs);
  if (chosen.length < 2) {
    throw new ConfigError({
      where: data.name,
      expected: 'at least 2 pairs to evaluate on',
      got: `${chosen.length}`,
      remedy: `look at what could not be used: ${bad}`,
    });
  }
  const figures = await evaluate(model, await embedWith(model, chosen), seed);
  if (flags.json) console.log(JSON.stringify({ run: folder, ...figures }));
  else {
    console.log(`${folder} on ${chosen.length} of ${pairs.length} pairs of ${data.name}; not usable: ${bad}\n`);
    printFigures(figures);
  }
  model.dispose();
}

/** Of the data that the run was trained on, only what it held out; of other data everything. */
function neverSeen(folder: string, name: string, pairs: readonly Pair[]): { chosen: readonly Pair[]; seed: number } {
  const run = JSON.parse(readFileSync(join(folder, CONFIG_FILE), 'utf8')) as {
    readonly data: string;
    readonly split: SplitKind;
    readonly seed: number;
  };
  const { seed } = run;
  return { chosen: run.data === name ? splitPairs(pairs, run.split, seed).heldOut : pairs, seed };
}
