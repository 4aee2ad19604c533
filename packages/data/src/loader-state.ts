import { CheckpointError } from '@diptych/core';
import type { LabelNames } from './label-batch.js';
import type { LoaderSettings } from './loader-options.js';
import type { PairSource } from './source.js';

/**
 * Where a loader stands, as plain JSON of a few hundred bytes: give it to `resume` of a loader with the same source and
 * options, in this process or another, and the batches go on as if nothing had happened.
 */
export interface LoaderState {
  readonly version: 1;
  /** What has to be equal in the resuming loader. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** The source's fingerprint, where it was asked for: what it holds, not what it is called or where it lies. */
  readonly content?: string;
  /** The names behind the numbers of labels, where the source has some. */
  readonly labels?: LabelNames;
  readonly epoch: number;
  /** Batches given out in this epoch. */
  readonly batches: number;
  /** Planned batches used up: as `batches`, but for those that were broken up to fill gaps. */
  readonly planned: number;
  /** Rows of these that still wait for a batch: [planned batch, row]. */
  readonly spares: readonly (readonly [number, number])[];
}

/** Everything that the sequence of batches depends on, but for what the source holds. */
export function settingsOf({ size = -1 }: PairSource, options: LoaderSettings): LoaderState['settings'] {
  const { batchSize, seed, shuffle, training, dropLast, captions, unique, window, buffer, reader } = options;
  return {
    size,
    batchSize,
    seed,
    shuffle,
    training,
    dropLast,
    captions,
    unique,
    window,
    buffer: `${buffer.records}/${buffer.bytes}`,
    shard: `${reader.index}/${reader.count}`,
  };
}

/**
 * Checks that a state is whole and belongs to a loader with these settings.
 *
 * @throws CheckpointError that names what differs
 */
export function checkState(value: unknown, settings: LoaderState['settings']): LoaderState {
  const state = value as Partial<LoaderState> | null;
  const count = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
  const whole =
    typeof state === 'object' &&
    state !== null &&
    state.version === 1 &&
    count(state.epoch) &&
    count(state.batches) &&
    count(state.planned) &&
    typeof state.settings === 'object' &&
    Array.isArray(state.spares) &&
    state.spares.every((place) => Array.isArray(place) && place.length === 2 && place.every(count));
  if (!whole) {
    throw new CheckpointError({
      where: 'data.DataLoader.resume',
      expected: 'a state that state() gave',
      got: String(JSON.stringify(value)).slice(0, 200),
    });
  }
  // up to November 2026 the source's name was one of them
  const { source: _, ...saved } = state.settings ?? {};
  const different = Object.keys({ ...saved, ...settings }).filter((key) => saved[key] !== settings[key]);
  if (different.length > 0) {
    const show = (of: LoaderState['settings']) => different.map((key) => `${key} ${String(of[key])}`).join(', ');
    throw new CheckpointError({
      where: 'data.DataLoader.resume',
      expected: show(saved),
      got: show(settings),
      remedy: 'resume with the source and options of the saved run, or start an epoch anew without resume()',
    });
  }
  return state as LoaderState;
}
