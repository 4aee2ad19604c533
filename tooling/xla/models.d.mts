import type { PairBatch } from '@diptych/core';
import type { StepRunner } from '@diptych/train';

interface Trained {
  build(options: { tiny?: boolean; seed?: number }): { runner: StepRunner<never>; vocabSize: number };
  pixels(tiny: boolean): number;
  tokens(tiny: boolean): number;
}

export const TRAINED: Readonly<Record<'seed' | 'resnet' | 'clip', Trained>>;
export function makeBatch(name: string, size: number, options: { tiny?: boolean; vocabSize: number }): PairBatch;
