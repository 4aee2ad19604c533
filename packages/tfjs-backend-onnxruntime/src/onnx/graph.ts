/** Element types that the writer knows; `bool` and `uint8` are bytes, `float16` the bits of IEEE half floats. */
export type OnnxDtype = 'float32' | 'int8' | 'uint8' | 'int32' | 'int64' | 'bool' | 'float16';

/** What holds the elements of each {@link OnnxDtype}; see {@link ONNX_DTYPES}. */
export type OnnxData = Float32Array | Int8Array | Uint8Array | Int32Array | BigInt64Array | Uint16Array;

/** A constant: an initializer of the graph, or the value of a tensor attribute. */
export interface OnnxTensor {
  name: string;
  dtype: OnnxDtype;
  shape: readonly number[];
  data: OnnxData;
}

/**
 * An attribute of a node. A bare number is an `int` and an array of numbers `ints`, as most of ONNX's attributes are;
 * floats say so, because JavaScript cannot tell `1` from `1.0`.
 */
export type AttributeValue =
  | number
  | readonly number[]
  | string
  | { float: number }
  | { floats: readonly number[] }
  | { strings: readonly string[] }
  | { tensor: Omit<OnnxTensor, 'name'> };

/** One operator; an empty string among the inputs or outputs leaves that optional one out. */
export interface OnnxNode {
  opType: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, AttributeValue | undefined>>;
  /** Operator set: `''` for ONNX's own, `com.microsoft` for ONNX Runtime's. */
  domain?: string;
  /** Shown in profiles and in ONNX Runtime's errors; made of opType and position when absent. */
  name?: string;
}

/** A declared input or output; a string in the shape is a symbolic dimension such as `batch`. */
export interface OnnxValueInfo {
  name: string;
  dtype: OnnxDtype;
  shape: readonly (number | string)[];
}

/** A graph as plain data, nodes in an order in which they can run. */
export interface OnnxGraph {
  nodes: readonly OnnxNode[];
  inputs: readonly OnnxValueInfo[];
  outputs: readonly OnnxValueInfo[];
  initializers: readonly OnnxTensor[];
  /** Operator set versions by domain; see {@link DEFAULT_OPSETS}. */
  opsets?: Readonly<Record<string, number>>;
}

/**
 * Opset 20 is the first with Gelu, and the last whose Reshape, Transpose, Cast and Pad every execution provider of
 * ONNX Runtime 1.30 has registered. Unused domains in a model do no harm, but onnx.checker of a plain install does
 * not know the other two: `writeModel` therefore declares only those that nodes use.
 */
export const DEFAULT_OPSETS: Readonly<Record<string, number>> = {
  '': 20,
  'com.microsoft': 1,
  'com.microsoft.nchwc': 1,
};

/** TensorProto.DataType and the array that holds it. */
export const ONNX_DTYPES: Readonly<
  Record<OnnxDtype, { code: number; bytes: number; array: { new (length: number): OnnxData; readonly name: string } }>
> = {
  float32: { code: 1, bytes: 4, array: Float32Array },
  uint8: { code: 2, bytes: 1, array: Uint8Array },
  int8: { code: 3, bytes: 1, array: Int8Array },
  int32: { code: 6, bytes: 4, array: Int32Array },
  int64: { code: 7, bytes: 8, array: BigInt64Array },
  bool: { code: 9, bytes: 1, array: Uint8Array },
  float16: { code: 10, bytes: 2, array: Uint16Array },
};
