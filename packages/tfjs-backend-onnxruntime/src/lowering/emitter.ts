import { allocate, type Node, type NumericData, type Value } from '@diptych/graph';
import type { DataType } from '@tensorflow/tfjs-core';
import { type AttributeValue, ONNX_DTYPES, type OnnxDtype, type OnnxNode, type OnnxTensor } from '../onnx/index.js';

/** Turns one node into ONNX operators, given the names of its inputs; returns the names of its outputs. */
export type Lowering = (e: Emitter, inputs: string[], node: Node) => string | string[];

/** Kernel name -> its ONNX form. */
export type LoweringTable = Readonly<Record<string, Lowering>>;

/** A constant known from the graph, where a lowering can make use of it. */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

/** tfjs dtypes are ONNX dtypes, for those that tensors of numbers have. */
export function onnxDtype(dtype: DataType): OnnxDtype {
  return dtype as OnnxDtype;
}

/** Which operators a graph may have; ONNX Runtime's own for the CPU by default. */
export interface EmitterOptions {
  /** Channels in a block of the runtime's own image layout; without it the layout is not used. */
  readonly blockOf?: () => number;
  /** For other runtimes: operators of ONNX alone, the same ones at all sizes, and each constant by itself. */
  readonly portable?: boolean;
  /** Matrix products without FusedMatMul. */
  readonly plainProducts?: boolean;
}

/** Collects the ONNX operators and constants of one graph. */
export class Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #names = new Map<Value, string>();
  readonly #constants = new Map<string, string>();
  readonly #derived = new Map<string, string>();
  #counter = 0;
  #prefix = '';

  readonly portable: boolean;
  readonly plainProducts: boolean;
  readonly #options: EmitterOptions;

  constructor(options: EmitterOptions = {}) {
    this.#options = options;
    this.portable = options.portable ?? false;
    this.plainProducts = options.plainProducts ?? false;
  }

  /** Channels in a block of ONNX Runtime's NCHWc operators; 0 where they cannot be used. */
  get channelBlock(): number {
    return this.#options.blockOf?.() ?? 0;
  }

  /** Gives a value a name; lowerings see it when the value is their input. */
  bind(value: Value, name: string): void {
    this.#names.set(value, name);
  }

  /** True if the value is an input of the graph, or computed in it so far. */
  has(value: Value): boolean {
    return this.#names.has(value);
  }

  nameOf(value: Value): string {
    const name = this.#names.get(value);
    if (name === undefined) throw new Error(`value of ${value.node?.op} [${value.shape}] was used before it was made`);
    return name;
  }

  /** Lowers one node; operators that it emits carry its name, which profiles and errors show. */
  lower(node: Node, lowering: Lowering): void {
    this.#prefix = `${node.op}/`;
    const results = [
      lowering(
        this,
        node.inputs.map((input) => this.nameOf(input)),
        node,
      ),
    ].flat();
    node.outputs.forEach((output, i) => {
      this.bind(output, results[i]!);
    });
  }

  fresh(prefix = 'v'): string {
    return `${prefix}${this.#counter++}`;
  }

  /** One operator with one output. */
  op(opType: string, inputs: readonly string[], attributes: Attributes = {}, domain = ''): string {
    return this.ops(opType, inputs, 1, attributes, domain)[0]!;
  }

  /** One operator with several outputs. */
  ops(opType: string, inputs: readonly string[], count: number, attributes: Attributes = {}, domain = ''): string[] {
    const outputs = Array.from({ length: count }, () => this.fresh());
    this.nodes.push({
      opType,
      inputs,
      outputs,
      attributes,
      domain,
      name: `${this.#prefix}${opType}_${this.nodes.length}`,
    });
    return outputs;
  }

  /** Emits once for each key what several lowerings need: a reordered filter, a padded image. */
  shared(key: string, make: () => string): string {
    let name = this.#derived.get(key);
    if (name === undefined) {
      name = make();
      this.#derived.set(key, name);
    }
    return name;
  }

  /** A scalar constant. */
  scalar(value: number, dtype: DataType = 'float32'): string {
    return this.constant(filled(dtype, 1, value), [], dtype);
  }

  /** A constant list of int64, as ONNX takes shapes and axes. */
  int64s(values: readonly number[]): string {
    const data = BigInt64Array.from(values, (value) => BigInt(value));
    const tensor = { dtype: 'int64' as const, shape: [values.length], data };
    return this.portable ? this.#add(tensor) : this.#once(`int64:${values}`, tensor);
  }

  constant(data: NumericData, shape: readonly number[], dtype: DataType): string {
    const tensor = { dtype: onnxDtype(dtype), shape, data };
    return this.portable || data.length > 64
      ? this.#add(tensor)
      : this.#once(`${dtype}[${shape}]:${data.join()}`, tensor);
  }

  reshape(x: string, shape: readonly number[]): string {
    return this.op('Reshape', [x, this.int64s(shape)]);
  }

  /**
   * Axes in another order. With `shape`, axes that stay side by side become one first: ONNX Runtime moves a matrix five
   * times as fast as the same elements under four axes (docs/engine-notes.md).
   */
  transpose(x: string, perm: readonly number[], shape?: readonly number[]): string {
    if (!shape || this.portable) return this.op('Transpose', [x], { perm });
    const merged = mergeAxes(perm, shape);
    const result = perm.map((axis) => shape[axis]!);
    if (merged.perm.length < 2) return this.reshape(x, result);
    if (merged.perm.length === perm.length) return this.op('Transpose', [x], { perm });
    return this.reshape(this.op('Transpose', [this.reshape(x, merged.shape)], { perm: merged.perm }), result);
  }

  expand(x: string, shape: readonly number[]): string {
    return this.op('Expand', [x, this.int64s(shape)]);
  }

  cast(x: string, dtype: OnnxDtype): string {
    return this.op('Cast', [x], { to: ONNX_DTYPES[dtype].code });
  }

  /** `x[begin:end:step]` along `axes`. */
  slice(
    x: string,
    begin: readonly number[],
    end: readonly number[],
    axes: readonly number[],
    steps?: readonly number[],
  ): string {
    const inputs = [x, this.int64s(begin), this.int64s(end), this.int64s(axes)];
    return this.op('Slice', steps ? [...inputs, this.int64s(steps)] : inputs);
  }

  /** Pads with a constant: `before` and `after` an axis. */
  pad(x: string, before: readonly number[], after: readonly number[], value?: string): string {
    const inputs = [x, this.int64s([...before, ...after])];
    return this.op('Pad', value ? [...inputs, value] : inputs);
  }

  reduce(op: string, x: string, axes: readonly number[], keepDims: boolean): string {
    return this.op(op, [x, this.int64s(axes)], { keepdims: Number(keepDims) });
  }

  /** Matrix product of the last two axes, either operand transposed. */
  matmul(a: string, b: string, transA = false, transB = false, ranks: readonly [number, number] = [2, 2]): string {
    if (!transA && !transB) return this.op('MatMul', [a, b]);
    if (this.plainProducts) {
      const swapped = (x: string, rank: number) =>
        this.transpose(x, [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2]);
      return this.op('MatMul', [transA ? swapped(a, ranks[0]) : a, transB ? swapped(b, ranks[1]) : b]);
    }
    return this.op('FusedMatMul', [a, b], { transA: Number(transA), transB: Number(transB) }, 'com.microsoft');
  }

  #once(key: string, tensor: Omit<OnnxTensor, 'name'>): string {
    let name = this.#constants.get(key);
    if (name === undefined) {
      name = this.#add(tensor);
      this.#constants.set(key, name);
    }
    return name;
  }

  #add(tensor: Omit<OnnxTensor, 'name'>): string {
    const name = this.fresh('c');
    this.initializers.push({ ...tensor, name });
    return name;
  }
}

/** The same transposition with the fewest axes: without those of one element, and with neighbours that stay neighbours as one. */
function mergeAxes(perm: readonly number[], shape: readonly number[]) {
  const groups: number[][] = [];
  for (const axis of perm) {
    if (shape[axis] === 1) continue;
    const last = groups.at(-1)?.at(-1);
    const follows = last !== undefined && axis > last && shape.slice(last + 1, axis).every((size) => size === 1);
    if (follows) groups.at(-1)!.push(axis);
    else groups.push([axis]);
  }
  const ordered = [...groups].sort(([a], [b]) => a! - b!);
  return {
    shape: ordered.map((axes) => axes.reduce((size, axis) => size * shape[axis]!, 1)),
    perm: groups.map((group) => ordered.indexOf(group)),
  };
}

/** An array of one repeated element. */
export function filled(dtype: DataType, size: number, value: number): NumericData {
  return allocate(dtype, size).fill(value);
}
