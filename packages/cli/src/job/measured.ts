import type { TowerOutputs } from '@diptych/core';
import type { BatchSource, Trainer } from '@diptych/train';
import type { Growing } from './memory-forecast.js';

/** Steps that are measured, after one that is also compiled. */
export const MEASURED_STEPS = 3;

/** What a run would take, from a few steps of it. */
export interface Measured {
  /** By part: `image`, `text`, `fusion`, … */
  readonly parts: readonly PartSize[];
  /** What takes time, in order: `300 steps`, and seconds for all of them. */
  readonly stages: readonly { readonly name: string; readonly seconds: number }[];
  /** Memory that the whole run takes beyond what measuring took. */
  readonly grows: readonly Growing[];
}

/** How large a part is. */
export interface PartSize {
  readonly name: string;
  readonly parameters: number;
  readonly trainable: number;
}

/** A parameter as far as its size goes. */
type Sized = readonly [path: string, parameter: { readonly size: number; readonly trainable: boolean }];

/** Parameters by the first step of their names. */
export function partSizes(named: Iterable<Sized>): PartSize[] {
  const parts = new Map<string, { parameters: number; trainable: number }>();
  for (const [path, variable] of named) {
    const name = path.split('.')[0]!;
    const part = parts.get(name) ?? { parameters: 0, trainable: 0 };
    part.parameters += variable.size;
    if (variable.trainable) part.trainable += variable.size;
    parts.set(name, part);
  }
  return [...parts].map(([name, sizes]) => ({ name, ...sizes }));
}

/** How long a step takes, after the first, which is also compiled. The trainer has trained then. */
export async function secondsPerStep<Outputs extends TowerOutputs>(
  trainer: Trainer<Outputs>,
  source: BatchSource,
): Promise<number> {
  let first = 0;
  await trainer.fit(source, {
    steps: 1 + MEASURED_STEPS,
    onStep: ({ step }) => {
      if (step === 1) first = performance.now();
    },
  });
  return (performance.now() - first) / 1000 / MEASURED_STEPS;
}
