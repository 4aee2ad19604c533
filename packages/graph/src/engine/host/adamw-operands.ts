import type { Node, NumericData, TensorData } from '../../value.js';

/** What all elements of an update share. */
export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
}

/** What changes from step to step. */
export interface AdamWRates {
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Updates that the parameter has had, with this one. */
  readonly step: number;
  /** Factor on the gradient; 1 leaves it. */
  readonly scale?: number;
}

/** What a node of the kernel `AdamW` says beside its four arrays, see `fuseAdamW` for its forms. */
export interface AdamWOperands {
  readonly rates: Required<AdamWRates>;
  readonly options: AdamWOptions;
  /** False where nothing is to change. */
  readonly healthy: boolean;
}

/** Reads scalars and attributes of a node. */
export function readOperands({ inputNames, attrs }: Node, inputs: readonly TensorData[]): AdamWOperands {
  const { beta1, beta2, eps, row = 0 } = attrs as Node['attrs'] & AdamWOptions & { row?: number };
  const cell = (name: string, at: number, absent: number): number => {
    const position = inputNames.indexOf(name);
    return position < 0 ? absent : (inputs[position] as NumericData)[at]!;
  };
  const rate = (name: string, column: number) =>
    inputNames.includes('hyper') ? cell('hyper', row * 3 + column, 0) : cell(name, 0, 0);
  return {
    rates: {
      learningRate: rate('learningRate', 0),
      weightDecay: rate('weightDecay', 1),
      step: rate('step', 2),
      scale: cell('scale', 0, 1),
    },
    options: { beta1, beta2, eps },
    healthy: cell('healthy', 0, 1) !== 0,
  };
}
