/** A tensor on the host, as read from a file: little more than its numbers. */
export type TensorData =
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'int32'; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly dtype: 'uint8' | 'bool'; readonly shape: readonly number[]; readonly data: Uint8Array };

/** What a file's header says of a tensor. */
export interface TensorInfo {
  /** The dtype as the file names it: `F32`, `BF16`, `I64`. */
  readonly storedDtype: string;
  /** PyTorch's shape. */
  readonly shape: readonly number[];
  /** Size in the file. */
  readonly byteLength: number;
}

/** Named tensors, read one at a time. */
export interface TensorCollection {
  /** Where they come from, for messages. */
  readonly name: string;
  readonly infos: ReadonlyMap<string, TensorInfo>;
  /** The file's own remarks (`__metadata__`), e.g. `{ format: 'pt' }`. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Reads one tensor.
   *
   * @throws WeightsError if there is none of that name, or its numbers cannot be held
   */
  read(name: string): TensorData;
}

/** Number of entries of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, 1);
}
