import { ConfigError, checkMethods, checkOptions, type OptionNames, type TowerOutputs } from '@diptych/core';
import { checkSource } from '../check-model.js';
import type { EmaOptions } from './ema.js';
import type { FreezeRule } from './freeze-schedule.js';
import type { FitOptions, TrainerOptions } from './options.js';
import type { CheckpointEvery } from './run/run-checkpoints.js';
import type { RetrievalValidation, ValidationOptions } from './validation.js';

// What is given to a Trainer and to `fit`, down to nested options, is looked over before anything is computed. What a part reads
// alone (the decay of averages, a pattern that matches nothing) the part checks when it is built.

const TRAINER: OptionNames<TrainerOptions> = {
  loss: 'required',
  optimizer: 'optional',
  schedule: 'optional',
  seed: 'optional',
  equalCaptions: 'optional',
  clipNorm: 'optional',
  targets: 'optional',
  chunkSize: 'optional',
  recompute: 'optional',
  precision: 'optional',
  ema: 'optional',
  freeze: 'optional',
  nonFinite: 'optional',
  unusedParameters: 'optional',
  communicator: 'optional',
  rhythmEvery: 'optional',
};
const EMA: OptionNames<EmaOptions> = { decay: 'required' };
const FREEZE: OptionNames<FreezeRule> = { match: 'required', fromStep: 'optional', untilStep: 'optional' };

/** @throws ConfigError for an unknown option, here or in what is nested, or one that is none of those it can be */
export function checkTrainerOptions<Outputs extends TowerOutputs>(given: TrainerOptions<Outputs>): void {
  const where = 'train.Trainer';
  const options = given as object as TrainerOptions;
  checkOptions(where, options, TRAINER);
  const { schedule, targets, seed, equalCaptions, rhythmEvery, ema, freeze, nonFinite, unusedParameters, precision } =
    options;
  check(where, { schedule }, isFunction, 'a function of the step', 'warmupCosine({ total, warmup })');
  if (schedule) checkFactor(where, schedule(0));
  check(where, { targets }, isFunction, 'a function of the batch', 'storedTargets(embeddings)');
  check(where, { seed }, Number.isInteger, 'a whole number');
  check(where, { equalCaptions }, isBoolean, 'true or false');
  check(where, { rhythmEvery }, isCount, 'a whole number from 0');
  check(where, { nonFinite }, isOneOf('stop', 'skip'), "'stop' or 'skip'");
  check(where, { precision }, isOneOf('f32', 'tf32', 'bf16'), "'f32', 'tf32' or 'bf16'");
  check(where, { unusedParameters }, isOneOf('error', 'warn'), "'error' or 'warn'");
  if (ema !== undefined) checkOptions(`${where}: ema`, ema, EMA);
  check(where, { freeze }, Array.isArray, 'a list of { match, fromStep, untilStep }', FREEZE_REMEDY);
  for (const [i, rule] of (freeze ?? []).entries()) {
    checkOptions(`${where}: freeze[${i}]`, rule, FREEZE);
    const { fromStep, untilStep } = rule;
    check(`${where}: freeze[${i}]`, { fromStep, untilStep }, isStep, 'a number of steps from 0');
  }
}

function checkFactor(where: string, first: unknown): void {
  if (typeof first === 'number' && first >= 0 && first < Number.POSITIVE_INFINITY) return;
  refuse(where, 'schedule', 'a factor from 0 for step 0', first, 'warmupCosine({ total, warmup })');
}

const FREEZE_REMEDY = "freeze: [{ match: 'text', untilStep: 100 }]";

const FIT: OptionNames<FitOptions> = {
  epochs: 'optional',
  steps: 'optional',
  signal: 'optional',
  checkpoint: 'optional',
  checkpointEvery: 'optional',
  validate: 'optional',
  resume: 'optional',
  fresh: 'optional',
  onStep: 'optional',
  onEvent: 'optional',
  log: 'optional',
};
const CHECKPOINT_EVERY: OptionNames<CheckpointEvery> = { steps: 'optional', epochs: 'optional' };
const VALIDATE: OptionNames<ValidationOptions> = {
  retrieval: 'optional',
  run: 'optional',
  towers: 'optional',
  everySteps: 'optional',
  everyEpochs: 'optional',
  monitor: 'optional',
  mode: 'optional',
  patience: 'optional',
};

const RETRIEVAL: OptionNames<RetrievalValidation> = { heldOut: 'required', count: 'optional', found: 'optional' };

/** @throws ConfigError likewise, and without an end of the run */
export function checkFitOptions(options: FitOptions): void {
  const where = 'train.Trainer.fit';
  checkOptions(where, options, FIT);
  const { epochs, steps, signal, checkpoint, checkpointEvery, validate, resume, fresh, onStep, onEvent, log } = options;
  check(where, { epochs, steps }, isStep, 'a number from 0');
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.aborted !== 'boolean') {
    refuse(where, 'signal', 'an AbortSignal', signal, 'new AbortController().signal');
  }
  if (epochs === undefined && steps === undefined && !signal) {
    throw new ConfigError({ where, expected: 'epochs, steps or a signal', got: 'no end' });
  }
  check(where, { resume, fresh }, isBoolean, 'true or false');
  check(where, { onStep, onEvent }, isFunction, 'a function');
  if (log !== undefined) checkMethods(`${where}: log`, log, ['write'], "jsonlLog('runs/first/log.jsonl')");
  if (checkpoint !== undefined && (typeof checkpoint !== 'string' || checkpoint === '')) {
    checkMethods(`${where}: checkpoint`, checkpoint, ['save', 'load'], "a folder's path, or a store of your own");
  }
  if (checkpointEvery !== undefined) {
    checkOptions(`${where}: checkpointEvery`, checkpointEvery, CHECKPOINT_EVERY);
    check(`${where}: checkpointEvery`, { ...checkpointEvery }, isInterval, 'a whole number above 0');
  }
  if (validate !== undefined) checkValidation(`${where}: validate`, validate);
}

function checkValidation(where: string, options: ValidationOptions): void {
  checkOptions(where, options, VALIDATE);
  const { retrieval, run, towers, everySteps, everyEpochs, monitor, mode, patience } = options;
  if (!retrieval && !run && !towers) {
    throw new ConfigError({ where, expected: 'one of retrieval, run and towers', got: 'none' });
  }
  if (retrieval !== undefined) {
    checkOptions(`${where}: retrieval`, retrieval, RETRIEVAL);
    checkSource(`${where}: retrieval.heldOut`, retrieval.heldOut);
    const { count, found } = retrieval;
    check(`${where}: retrieval`, { count, found }, isInterval, 'a whole number above 0');
  }
  check(where, { run }, isFunction, 'a function that gives numbers by name');
  if (towers !== undefined && (typeof towers !== 'object' || !('measure' in towers || 'training' in towers))) {
    refuse(where, 'towers', '{ training, heldOut }, or an object with measure()', towers);
  }
  check(where, { everySteps, everyEpochs, patience }, isInterval, 'a whole number above 0');
  check(where, { monitor }, (name) => typeof name === 'string', 'the name of a number');
  check(where, { mode }, isOneOf('max', 'min'), "'max' or 'min'");
  if (patience !== undefined && monitor === undefined) {
    throw new ConfigError({
      where,
      expected: 'monitor beside patience',
      got: 'patience alone',
      remedy: "name the number to watch: monitor: 'textToImage.recall@1'",
    });
  }
}

/** @throws ConfigError for one that is given and is not what it has to be */
function check(
  where: string,
  options: Readonly<Record<string, unknown>>,
  isRight: (value: unknown) => boolean,
  expected: string,
  remedy?: string,
): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !isRight(value)) refuse(where, name, expected, value, remedy);
  }
}

function refuse(where: string, name: string, expected: string, value: unknown, remedy?: string): never {
  const got = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
  throw new ConfigError({ where: `${where}: ${name}`, expected, got, ...(remedy && { remedy }) });
}

const isFunction = (value: unknown) => typeof value === 'function';
const isBoolean = (value: unknown) => typeof value === 'boolean';
const isStep = (value: unknown) => typeof value === 'number' && value >= 0;
const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0;
const isInterval = (value: unknown) => Number.isInteger(value) && (value as number) > 0;
const isOneOf =
  (...names: readonly string[]) =>
  (value: unknown) =>
    names.includes(value as string);
