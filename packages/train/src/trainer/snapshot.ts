import { CheckpointError, type Json, type JsonObject, type Stateful } from '@diptych/core';
import { loadState, stateDict, type TensorData } from '@diptych/weights';
import type { Variable } from '@tensorflow/tfjs-core';
import type { Optimizer } from '../optimizers/optimizer.js';
import type { TrainingSnapshot } from './checkpoint-store.js';
import type { Ema } from './ema.js';

/** What a snapshot is taken of. */
export interface SnapshotParts {
  readonly parameters: readonly (readonly [string, Variable])[];
  readonly buffers: readonly (readonly [string, Variable])[];
  readonly optimizer: Optimizer;
  readonly ema: Ema | undefined;
}

/** Where a run stands, beside its tensors. */
export interface Position {
  readonly step: number;
  readonly epoch: number;
  /** Batches of this epoch that are done. */
  readonly batch: number;
  readonly seed: number;
  /** What the batch source said of its place. */
  readonly source?: Json;
  /** Early stopping's memory. */
  readonly validation?: JsonObject;
}

const VERSION = 1;

/** Copies a run's state to the host. */
export async function takeSnapshot(
  parts: SnapshotParts,
  position: Position,
  score?: number,
): Promise<TrainingSnapshot> {
  const { optimizer, ema } = parts;
  return {
    tensors: {
      model: await stateDict(asStateful(parts.parameters, parts.buffers)),
      optimizer: await stateDict(asStateful(optimizer.namedState())),
      ...(ema && { ema: await stateDict(asStateful(ema.namedAverages())) }),
    },
    state: { version: VERSION, ...position, stepCounts: optimizer.stepCounts() },
    score,
  };
}

/**
 * Puts a run back to where the snapshot was taken.
 *
 * @returns its position
 * @throws CheckpointError if the snapshot is of another format, seed or set of options
 * @throws WeightsError if its tensors do not fit the model
 */
export function restoreSnapshot(parts: SnapshotParts, snapshot: TrainingSnapshot, seed: number): Position {
  const { tensors } = snapshot;
  const state = snapshot.state as unknown as Position & { version: number; stepCounts: Record<string, number> };
  const where = `train.Trainer.resume: step ${state.step}`;
  if (state.version !== VERSION) {
    throw new CheckpointError({ where, expected: `format ${VERSION}`, got: String(state.version) });
  }
  if (state.seed !== seed) {
    throw new CheckpointError({
      where,
      expected: `a run with seed ${seed}`,
      got: `one with seed ${state.seed}`,
      remedy: 'build the Trainer with the same seed, or start a new run',
    });
  }
  if (Boolean(tensors.ema) !== Boolean(parts.ema)) {
    throw new CheckpointError({
      where,
      expected: parts.ema ? 'averaged weights (ema)' : 'no averaged weights',
      got: parts.ema ? 'none' : 'some',
      remedy: 'build the Trainer with the same `ema` option as the run that is resumed',
    });
  }
  loadState(asStateful(parts.parameters, parts.buffers), file(tensors, 'model', where));
  parts.optimizer.restoreStepCounts(state.stepCounts);
  loadState(asStateful(parts.optimizer.namedState()), file(tensors, 'optimizer', where));
  if (parts.ema) loadState(asStateful(parts.ema.namedAverages()), file(tensors, 'ema', where));
  return state;
}

function file(tensors: TrainingSnapshot['tensors'], name: string, where: string): ReadonlyMap<string, TensorData> {
  const found = tensors[name];
  if (found) return found;
  throw new CheckpointError({ where, expected: `tensors of the ${name}`, got: 'none' });
}

function asStateful(
  parameters: Iterable<readonly [string, Variable]>,
  buffers: Iterable<readonly [string, Variable]> = [],
): Stateful {
  const list = (variables: Iterable<readonly [string, Variable]>) => [...variables] as [string, Variable][];
  const [own, more] = [list(parameters), list(buffers)];
  return { namedParameters: () => own, namedBuffers: () => more, dispose: () => {} };
}
