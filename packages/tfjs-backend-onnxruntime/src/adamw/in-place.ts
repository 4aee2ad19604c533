import type { Node, TensorData } from '@diptych/graph';
import { readOperands } from '@diptych/graph/engine';
import type { InPlaceKernel, InPlaceSlot } from '../execution/in-place-kernel.js';
import { AdamWArena } from './adamw-arena.js';

/** The kernel `AdamW` of @diptych/graph on the memory of an {@link AdamWArena}. */
export const adamWInPlace: InPlaceKernel = {
  updates: [
    { input: 0, output: 0 },
    { input: 2, output: 1 },
    { input: 3, output: 2 },
  ],
  operands: [1],
  allocate(sizes) {
    const arena = new AdamWArena(sizes);
    return arena.slots.map(
      ({ parameter, gradient, expAvg, expAvgSq }, index): InPlaceSlot => ({
        arrays: new Map([
          [0, parameter],
          [1, gradient],
          [2, expAvg],
          [3, expAvgSq],
        ]),
        run(node: Node, inputs: readonly TensorData[]) {
          const { rates, options, healthy } = readOperands(node, inputs);
          if (healthy) arena.update(index, rates, options);
        },
      }),
    );
  },
};
