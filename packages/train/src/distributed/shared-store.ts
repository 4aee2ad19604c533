import type { Communicator, JsonObject } from '@diptych/core';
import type { TensorData } from '@diptych/weights';
import type { CheckpointStore, OnDamaged, TrainingSnapshot } from '../trainer/run/checkpoint-store.js';
import { broadcastJson } from './exchange.js';

/** Rank 0's store: what it loads goes to the other ranks, which need no file system of their own. */
export class TellingStore implements CheckpointStore {
  readonly open: CheckpointStore['open'];
  readonly close: CheckpointStore['close'];
  readonly runs: CheckpointStore['runs'];
  readonly moveAside: CheckpointStore['moveAside'];

  constructor(
    readonly store: CheckpointStore,
    readonly communicator: Communicator,
  ) {
    this.open = store.open?.bind(store);
    this.close = store.close?.bind(store);
    this.runs = store.runs?.bind(store);
    this.moveAside = store.moveAside?.bind(store);
  }

  get folder(): string | undefined {
    return this.store.folder;
  }

  save(snapshot: TrainingSnapshot): Promise<string> {
    return this.store.save(snapshot);
  }

  async load(which: string, onDamaged?: OnDamaged): Promise<TrainingSnapshot | undefined> {
    return share(this.communicator, await this.store.load(which, onDamaged));
  }
}

/** The store of the other ranks: nothing is kept there, and what is loaded comes from rank 0. */
export class FollowingStore implements CheckpointStore {
  constructor(readonly communicator: Communicator) {}

  async save(): Promise<string> {
    return '';
  }

  async load(): Promise<TrainingSnapshot | undefined> {
    return share(this.communicator, undefined);
  }

  /** Rank 0 looks. */
  async runs(): Promise<readonly string[]> {
    return [];
  }
}

/** A snapshot without its numbers. */
type Outline = {
  readonly state: JsonObject;
  readonly files: { readonly [name: string]: string } | null;
  readonly score: number | null;
  readonly tensors: {
    readonly [file: string]: readonly (readonly [name: string, dtype: TensorData['dtype'], shape: readonly number[]])[];
  };
} | null;

/** Rank 0's snapshot, on every rank. */
async function share(
  communicator: Communicator,
  snapshot: TrainingSnapshot | undefined,
): Promise<TrainingSnapshot | undefined> {
  const outline = await broadcastJson<Outline>(communicator, () => (snapshot ? outlineOf(snapshot) : null));
  if (!outline) return undefined;
  const tensors: Record<string, Map<string, TensorData>> = {};
  for (const [file, entries] of Object.entries(outline.tensors)) {
    tensors[file] = new Map();
    for (const [name, dtype, shape] of entries) {
      const data = snapshot?.tensors[file]?.get(name)?.data ?? emptyOf(dtype, shape);
      // a view on the bytes: broadcast writes into it
      await communicator.broadcast(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      tensors[file].set(name, { dtype, shape, data } as TensorData);
    }
  }
  if (snapshot) return snapshot;
  const { state, files, score } = outline;
  return {
    tensors,
    state: state as TrainingSnapshot['state'],
    ...(files && { files }),
    ...(score !== null && { score }),
  };
}

function outlineOf({ tensors, state, files, score }: TrainingSnapshot): Outline {
  return {
    state,
    files: files ?? null,
    score: score ?? null,
    tensors: Object.fromEntries(
      Object.entries(tensors).map(([file, entries]) => [
        file,
        [...entries].map(([name, { dtype, shape }]) => [name, dtype, shape] as const),
      ]),
    ),
  };
}

function emptyOf(dtype: TensorData['dtype'], shape: readonly number[]): TensorData['data'] {
  const size = shape.reduce((product, length) => product * length, 1);
  return dtype === 'float32' ? new Float32Array(size) : dtype === 'int32' ? new Int32Array(size) : new Uint8Array(size);
}
