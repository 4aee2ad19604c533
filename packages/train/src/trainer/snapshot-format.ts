import { CheckpointError, type JsonObject } from '@diptych/core';
import { adapters, renameTensors, withCurrentOptions } from '@diptych/weights';
import type { TrainingSnapshot } from './checkpoint-store.js';
import type { Position } from './position.js';

/** 2: each part has one word, `image.*`, `text.*`, `fusion.*`. 1: `image_encoder.*`, `text_encoder.*`, `fusion_layer.*`. */
export const SNAPSHOT_VERSION = 2;

type State = Omit<Position, 'run'> &
  Partial<Pick<Position, 'run'>> & { readonly stepCounts: Readonly<Record<string, number>> };

/**
 * A snapshot as this version writes it: the one place that knows older formats.
 *
 * @param names of the parameters that it is for
 * @throws CheckpointError if it is of a format that this version does not know
 */
export function currentFormat(
  { tensors, state: json }: TrainingSnapshot,
  names: readonly string[],
  where: string,
): { readonly tensors: TrainingSnapshot['tensors']; readonly state: State } {
  const given = json as JsonObject & State;
  const state = { ...given, settings: withCurrentOptions(given.settings) };
  if (json.version === SNAPSHOT_VERSION) return { tensors, state };
  if (json.version !== 1) {
    throw new CheckpointError({ where, expected: `format 1 or ${SNAPSHOT_VERSION}`, got: String(json.version) });
  }
  // a model of your own may go on using a name that was MultiModalEncoder's
  const adapter = names.some((name) => tensors.model?.has(name) && isOld(name)) ? {} : adapters.fromFormat1;
  const files = Object.entries(tensors).map(([name, file]) => [name, renameTensors(file, adapter)] as const);
  const stepCounts = Object.fromEntries(renameTensors(new Map(Object.entries(state.stepCounts)), adapter));
  return { tensors: Object.fromEntries(files), state: { ...state, stepCounts } };
}

function isOld(name: string): boolean {
  return adapters.fromFormat1.rules!.some(({ from }) => from.test(name));
}
