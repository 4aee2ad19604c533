import { isStateful, type PairBatch, parametersOf } from '@diptych/core';
import { disposeNested } from '@diptych/core/tfjs';
import { type Compiled, compile } from '@diptych/nn';
import type * as tf from '@tensorflow/tfjs-core';
import type { BatchSource } from '../batches/batch-source.js';
import { type DeviceBatch, toDevice } from '../batches/device-batch.js';

/** Tensors by name, a row a pair each. */
type Rows = { [name: string]: tf.Tensor };

/** A tensor on the host. */
export interface HostTensor {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

// by model: one compiled function a use, for as long as somebody holds the model
const COMPILED = new WeakMap<object, Map<string, { dispose(): void }>>();
// the variables that it read when its functions were recorded
const VARIABLES = new WeakMap<object, string>();

/**
 * The compiled function of a model for one use, the same at each call: a second evaluation replays what the first recorded.
 *
 * @param use what tells this use of the model from others
 */
export function compiledFor<Args extends unknown[], Result>(
  model: object,
  use: string,
  run: (...args: Args) => Result,
): Compiled<Args, Result> {
  // a part or a table that was replaced is not in what was recorded
  const variables = isStateful(model)
    ? parametersOf(model)
        .map(([, { id }]) => id)
        .join()
    : '';
  if (VARIABLES.get(model) !== variables) releaseCompiled(model);
  VARIABLES.set(model, variables);
  const known = COMPILED.get(model) ?? new Map<string, { dispose(): void }>();
  COMPILED.set(model, known);
  const compiled = (known.get(use) as Compiled<Args, Result> | undefined) ?? compile(run);
  known.set(use, compiled);
  return compiled;
}

/** Frees what embedding and scoring compiled for a model. It can be used again, and is compiled again then. */
export function releaseCompiled(model: object): void {
  for (const compiled of COMPILED.get(model)?.values() ?? []) compiled.dispose();
  COMPILED.delete(model);
}

/** What is read of a source, and from where to where. */
export interface RunOptions {
  /** Rows before this one are gone through, but not run. Default 0. */
  readonly from?: number;
  readonly signal?: AbortSignal;
}

/** A batch of a source with what was computed of its rows. */
export interface RunBlock {
  /** Number of the batch's first row in the source. */
  readonly first: number;
  readonly batch: PairBatch;
  /** Absent for rows before `from`. */
  readonly values?: { readonly [name: string]: HostTensor };
}

/**
 * Runs a function over every row of a source once, in the source's order and without augmentation: `inOrder()` where the
 * source has it, else its epoch 0.
 */
export async function* runInOrder(
  source: BatchSource,
  run: (batch: DeviceBatch) => Rows,
  { from = 0, signal }: RunOptions = {},
): AsyncGenerator<RunBlock, void, undefined> {
  let first = 0;
  for await (const batch of source.inOrder?.() ?? source.epoch(0)) {
    if (signal?.aborted) return;
    if (first + batch.size <= from) yield { first, batch };
    else yield { first, batch, values: await runOn(batch, run) };
    first += batch.size;
  }
}

async function runOn(batch: PairBatch, run: (batch: DeviceBatch) => Rows): Promise<Record<string, HostTensor>> {
  const onDevice = toDevice(batch);
  const tensors = run(onDevice);
  try {
    const values: Record<string, HostTensor> = {};
    for (const [name, tensor] of Object.entries(tensors)) {
      // a copy: the backend may use its memory again once the tensor is gone
      values[name] = { data: Float32Array.from(await tensor.data()), shape: [...tensor.shape] };
    }
    return values;
  } finally {
    disposeNested([tensors, onDevice]);
  }
}
