import type { Node, Value } from '@diptych/graph';
import type { DataType } from '@tensorflow/tfjs-core';
import type { XlaPrecision } from '../options.js';
import { type ElementType, HloBuilder, type HloValue, type ProductPrecision } from '../stablehlo/index.js';

/** What a program is compiled for. */
export type Platform = 'cpu' | 'cuda' | 'tpu';

/** What differs between devices and wishes. */
export interface Target {
  readonly platform: Platform;
  readonly precision: XlaPrecision;
}

/** Turns one node into operations, given its inputs; returns its outputs. */
export type Lowering = (e: Emitter, inputs: HloValue[], node: Node) => HloValue | HloValue[];

/** Kernel name -> its lowering. */
export type LoweringTable = Readonly<Record<string, Lowering>>;

const ELEMENT_TYPES: Readonly<Partial<Record<DataType, ElementType>>> = { float32: 'f32', int32: 'i32', bool: 'i1' };

/** The element type of a tfjs dtype, if programs can hold it. */
export function elementTypeOf(dtype: DataType): ElementType | undefined {
  return ELEMENT_TYPES[dtype];
}

/** How exactly float32 operands are multiplied: see `precision_config` of StableHLO, and what XLA makes of it on each device. */
function productPrecision({ platform, precision }: Target): ProductPrecision {
  if (precision === 'f32') return 'HIGHEST';
  // TPUs know no TF32: three bfloat16 products come closest. DEFAULT would be one.
  return precision === 'tf32' && platform === 'tpu' ? 'HIGH' : 'DEFAULT';
}

/** Collects the operations of a program, and what it knows of its values. */
export class Emitter extends HloBuilder {
  readonly productPrecision: ProductPrecision;
  readonly #values = new Map<Value, HloValue>();
  readonly #derived = new Map<string, HloValue>();
  readonly #light = new WeakSet<HloValue>();
  readonly #exact: ReadonlySet<Value>;

  /** @param exact values that have to be float32 whatever they are made of, see {@link exactValues} */
  constructor(
    readonly target: Target,
    exact: ReadonlySet<Value> = new Set(),
  ) {
    super();
    this.#exact = exact;
    this.productPrecision = productPrecision(target);
  }

  /** Says what a value of the graph is in the program. */
  bind(value: Value, hlo: HloValue): void {
    this.#values.set(value, hlo);
  }

  /** What a value of the graph is in the program. */
  hloOf(value: Value): HloValue {
    const hlo = this.#values.get(value);
    if (!hlo) throw new Error(`value of ${value.node?.op ?? 'a leaf'} [${value.shape}] was used before it was made`);
    return hlo;
  }

  /** Lowers one node. */
  lower(node: Node, lowering: Lowering): void {
    const inputs = node.inputs.map((input) => this.hloOf(input));
    const results = [lowering(this, inputs, node)].flat();
    node.outputs.forEach((output, i) => {
      this.bind(output, results[i]!);
    });
  }

  /** Emits once what several lowerings need: random words, hyperparameters. */
  shared(key: string, make: () => HloValue): HloValue {
    let value = this.#derived.get(key);
    if (!value) {
      value = make();
      this.#derived.set(key, value);
    }
    return value;
  }

  /** True for values that have to be float32. */
  isExact(value: Value): boolean {
    return this.#exact.has(value);
  }

  /**
   * Marks a value whose type decides nothing: constants, masks, what is repeated along an axis. What they are combined with
   * keeps its type.
   */
  light(x: HloValue): HloValue {
    this.#light.add(x);
    return x;
  }

  isLight(x: HloValue): boolean {
    return this.#light.has(x);
  }
}
