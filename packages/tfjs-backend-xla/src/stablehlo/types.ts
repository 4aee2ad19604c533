/** Element types of StableHLO tensors, by their names in MLIR. `i1` is XLA's `pred`. */
export type ElementType = 'i1' | 'i8' | 'i32' | 'i64' | 'ui8' | 'ui32' | 'ui64' | 'bf16' | 'f32';

/** Shape and element type of a tensor in a program. */
export interface TensorType {
  readonly shape: readonly number[];
  readonly elementType: ElementType;
}

/** `tensor<2x3xf32>` */
export function typeText({ shape, elementType }: TensorType): string {
  return `tensor<${[...shape, elementType].join('x')}>`;
}

/** True for the floating-point types. */
export function isFloat(elementType: ElementType): boolean {
  return elementType === 'f32' || elementType === 'bf16';
}

/** True for the integers without sign. */
export function isUnsigned(elementType: ElementType): boolean {
  return elementType.startsWith('ui');
}

/** A value in a program: one result of an operation, or an argument. */
export class HloValue implements TensorType {
  constructor(
    /** Its name in the text, with the percent sign. */
    readonly name: string,
    readonly shape: readonly number[],
    readonly elementType: ElementType,
  ) {}

  /** Number of dimensions. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((size, dimension) => size * dimension, 1);
  }

  /** Its type, as MLIR prints it. */
  get type(): string {
    return typeText(this);
  }
}
