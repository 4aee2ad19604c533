import {
  CheckpointError,
  describeTokenizer,
  type Json,
  type JsonObject,
  type Optimizer,
  type Stateful,
  tokenizerFiles,
} from '@diptych/core';
import { LoadStateError, loadState, stateDict } from '@diptych/weights';
import type { Variable } from '@tensorflow/tfjs-core';
import type { BatchInputs } from '../../batches/batch-source.js';
import type { Ema } from '../ema.js';
import type { TrainingSnapshot } from './checkpoint-store.js';
import { changedSettings, type RunSettings, type SettingChange } from './run-settings.js';
import { currentFormat, type Position, SNAPSHOT_VERSION } from './snapshot-format.js';

/** What a snapshot is taken of. */
export interface SnapshotParts {
  readonly parameters: readonly (readonly [string, Variable])[];
  readonly buffers: readonly (readonly [string, Variable])[];
  readonly optimizer: Optimizer;
  readonly ema: Ema | undefined;
}

/** Copies a run's state to the host. */
export async function takeSnapshot(
  parts: SnapshotParts,
  position: Position,
  { score, inputs }: { readonly score?: number; readonly inputs?: BatchInputs } = {},
): Promise<TrainingSnapshot> {
  const { optimizer, ema } = parts;
  return {
    tensors: {
      model: await stateDict(asStateful(parts.parameters, parts.buffers)),
      optimizer: await stateDict(asStateful(optimizer.namedState())),
      ...(ema && { ema: await stateDict(asStateful(ema.namedAverages())) }),
    },
    state: {
      version: SNAPSHOT_VERSION,
      ...position,
      stepCounts: optimizer.stepCounts(),
      inputs: inputs && describeInputs(inputs),
    },
    ...(inputs && { files: tokenizerFiles(inputs.tokenizer) }),
    score,
  };
}

/** As `save` of diptych describes them; undefined where one of them cannot be described. */
function describeInputs({ transform, tokenizer, tokenize }: BatchInputs): JsonObject | undefined {
  try {
    const { kind, options } = transform.describe();
    return { transform: { kind, options }, tokenizer: { ...describeTokenizer(tokenizer) }, tokenize: { ...tokenize } };
  } catch {
    return undefined; // it can be trained on all the same
  }
}

/**
 * Puts a run back to where the snapshot was taken.
 *
 * @returns its position, and what is otherwise now and may be
 * @throws CheckpointError if the snapshot is of another format, or of a run with another seed, model, loss, optimizer or set of
 *   averages; nothing was changed then
 */
export function restoreSnapshot(
  parts: SnapshotParts,
  snapshot: TrainingSnapshot,
  { seed, settingsAt }: { readonly seed: number; readonly settingsAt: (step: number) => RunSettings },
): { readonly position: Position; readonly changes: readonly SettingChange[] } {
  const where = `train.Trainer.resume: step ${snapshot.state.step}`;
  const { tensors, state } = currentFormat(
    snapshot,
    parts.parameters.map(([name]) => name),
    where,
  );
  refuseOther(where, 'seed', state.seed, seed);
  if (Boolean(tensors.ema) !== Boolean(parts.ema)) {
    throw new CheckpointError({
      where,
      expected: parts.ema ? 'averaged weights (ema)' : 'no averaged weights',
      got: parts.ema ? 'none' : 'some',
      remedy: 'build the Trainer with the same `ema` option as the run that is resumed',
    });
  }
  const settings = settingsAt(state.step);
  const changes = state.settings ? changedSettings(state.settings, settings, parts.optimizer) : [];
  for (const what of ['loss', 'optimizer'] as const) {
    if (state.settings && changes.some((change) => change.what.startsWith(`${what}.`) && isKind(change.what))) {
      refuseOther(where, what, kindsOf(state.settings[what]), kindsOf(settings[what]));
    }
  }
  loadPart('model', asStateful(parts.parameters, parts.buffers), tensors, where);
  parts.optimizer.restoreStepCounts(state.stepCounts);
  loadPart('optimizer', asStateful(parts.optimizer.namedState()), tensors, where);
  if (parts.ema) {
    const averages = withStatistics(tensors, parts.buffers);
    loadPart('ema', asStateful(parts.ema.namedAverages()), averages, where);
  }
  return { position: { ...state, run: state.run ?? '' }, changes };
}

/** Checkpoints of before running statistics were averaged: their averages begin at what the run had then. */
function withStatistics(
  tensors: TrainingSnapshot['tensors'],
  buffers: SnapshotParts['buffers'],
): TrainingSnapshot['tensors'] {
  const { model, ema } = tensors;
  if (!model || !ema) return tensors;
  const missing = buffers.flatMap(([name]) =>
    !ema.has(name) && model.has(name) ? [[name, model.get(name)!] as const] : [],
  );
  return { ...tensors, ema: new Map([...ema, ...missing]) };
}

/** @throws CheckpointError unless both are equal */
export function refuseOther(where: string, what: string, saved: Json | undefined, now: Json | undefined): void {
  if (saved === now) return;
  throw new CheckpointError({
    where,
    expected: `a run with ${what} ${String(now)}`,
    got: `one with ${what} ${String(saved)}`,
    remedy: `resume with the same ${what}, or start a new run in another folder`,
  });
}

function isKind(path: string): boolean {
  return /(^|\.)kind$/.test(path);
}

/** `WeightedSum(InfoNCE, ImageTextMatching)`. */
function kindsOf(described: Json | undefined): string {
  if (typeof described !== 'object' || described === null) return '';
  const inner = Object.values(described).map(kindsOf).filter(Boolean).join(', ');
  const { kind } = described as JsonObject;
  return typeof kind === 'string' ? `${kind}${inner && `(${inner})`}` : inner;
}

/** @throws CheckpointError if the snapshot's tensors are others than this trainer's */
function loadPart(part: string, target: Stateful, tensors: TrainingSnapshot['tensors'], where: string): void {
  const saved = tensors[part];
  if (!saved) throw new CheckpointError({ where, expected: `tensors of the ${part}`, got: 'none' });
  try {
    loadState(target, saved);
  } catch (cause) {
    if (!(cause instanceof LoadStateError)) throw cause;
    const { missing, unexpected, mismatched } = cause.report;
    const differences = [
      ...mismatched.map(({ name, expected, got }) => `${name} is ${expected} here and ${got} in the run`),
      ...missing.map(({ name }) => `${name} is not in the run`),
      ...unexpected.map(({ name }) => `${name} is in the run alone`),
    ];
    const more = differences.length > 3 ? ` and ${differences.length - 3} more` : '';
    throw new CheckpointError(
      {
        where,
        problem: `the ${part} is another one than the run's: ${differences.slice(0, 3).join(', ')}${more}`,
        remedy:
          'to resume, build the Trainer with the model, loss and optimizer of the run; to train another model, start a new run in another folder',
      },
      { cause },
    );
  }
}

function asStateful(
  parameters: Iterable<readonly [string, Variable]>,
  buffers: Iterable<readonly [string, Variable]> = [],
): Stateful {
  const list = (variables: Iterable<readonly [string, Variable]>) => [...variables] as [string, Variable][];
  const [own, more] = [list(parameters), list(buffers)];
  return { namedParameters: () => own, namedBuffers: () => more, dispose: () => {} };
}
