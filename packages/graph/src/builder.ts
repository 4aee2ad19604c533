import type { DataType } from '@tensorflow/tfjs-core';
import { extractProgram, type Program } from './program.js';
import { type Attributes, describeAttributes, Node, sameShape, Value } from './value.js';

/** An operation about to be added: what a rule looks at. */
export interface Draft {
  op: string;
  inputs: readonly Value[];
  attrs: Attributes;
  shape: readonly number[];
  dtype: DataType;
}

/** What tfjs kernels call their inputs, by how many there are; the others are named where they are recorded. */
const USUAL_NAMES: readonly (readonly string[])[] = [[], ['x'], ['a', 'b'], ['condition', 't', 'e']];

/** Replaces a draft by something simpler, or leaves it alone. */
export type Rule = (draft: Draft, builder: Builder) => Value | undefined;

/** op -> rules, tried in order until one applies. */
export type RuleTable = Readonly<Record<string, readonly Rule[]>>;

/**
 * Builds a graph in which equal operations are one node (common subexpressions), applying rules as it goes. Rules see
 * inputs that are already simplified, so one pass over a program reaches what repeated passes would.
 */
export class Builder {
  readonly #known = new Map<string, Node>();
  readonly #ids = new Map<Value, number>();

  constructor(private readonly rules: RuleTable = {}) {}

  /** Adds an operation with one output, or returns what it simplifies to. */
  emit(
    op: string,
    inputs: readonly Value[],
    attrs: Attributes,
    shape: readonly number[],
    dtype: DataType,
    inputNames: readonly string[] = USUAL_NAMES[inputs.length] ?? [],
  ): Value {
    const draft = { op, inputs, attrs, shape, dtype };
    for (const rule of this.rules[op] ?? []) {
      const better = rule(draft, this);
      if (better) return better;
    }
    return this.emitMany(op, inputs, attrs, [{ shape, dtype }], inputNames)[0]!;
  }

  /** Adds an operation with several outputs. */
  emitMany(
    op: string,
    inputs: readonly Value[],
    attrs: Attributes,
    types: readonly { shape: readonly number[]; dtype: DataType }[],
    inputNames: readonly string[],
  ): Value[] {
    const key = this.#key(op, inputs, attrs, types, inputNames);
    let node = this.#known.get(key);
    if (!node) {
      node = new Node(op, inputs, attrs, inputNames);
      for (const { shape, dtype } of types) node.outputs.push(new Value(shape, dtype, node, node.outputs.length));
      this.#known.set(key, node);
    }
    return node.outputs;
  }

  /** The value of an operation that was added before, if it was. */
  existing(
    op: string,
    inputs: readonly Value[],
    attrs: Attributes,
    shape: readonly number[],
    dtype: DataType,
    inputNames: readonly string[],
  ): Value | undefined {
    return this.#known.get(this.#key(op, inputs, attrs, [{ shape, dtype }], inputNames))?.outputs[0];
  }

  /** A tensor of equal elements. */
  fill(value: number, shape: readonly number[] = [], dtype: DataType = 'float32'): Value {
    return this.emit('Fill', [], { shape, value, dtype }, shape, dtype);
  }

  /** An elementwise operation of one operand. */
  unary(op: string, x: Value, attrs: Attributes = {}, dtype: DataType = x.dtype): Value {
    return this.emit(op, [x], attrs, x.shape, dtype);
  }

  /** An elementwise operation of two operands, with broadcasting. */
  binary(op: string, a: Value, b: Value, dtype: DataType = a.dtype): Value {
    return this.emit(op, [a, b], {}, broadcastShapes(a.shape, b.shape), dtype);
  }

  reshape(x: Value, shape: readonly number[]): Value {
    return this.emit('Reshape', [x], { shape }, shape, x.dtype);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.emit(
      'Transpose',
      [x],
      { perm },
      perm.map((axis) => x.shape[axis]!),
      x.dtype,
    );
  }

  broadcastTo(x: Value, shape: readonly number[]): Value {
    return sameShape(x.shape, shape) ? x : this.emit('BroadcastTo', [x], { shape }, shape, x.dtype);
  }

  #key(
    op: string,
    inputs: readonly Value[],
    attrs: Attributes,
    types: readonly { shape: readonly number[]; dtype: DataType }[],
    inputNames: readonly string[],
  ): string {
    const operands = inputs.map((value) => this.#id(value)).join();
    const outputs = types.map(({ shape, dtype }) => `${dtype}[${shape}]`);
    return `${op}(${operands};${inputNames})${describeAttributes(attrs)}:${outputs}`;
  }

  #id(value: Value): number {
    let id = this.#ids.get(value);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(value, id);
    }
    return id;
  }
}

/** Rewrites one node given its already rewritten inputs; returns as many values as the node has outputs. */
export type Visitor = (node: Node, inputs: Value[], builder: Builder) => readonly Value[];

/** Copies a node into a builder as it is. */
export const copyNode: Visitor = (node, inputs, builder) => {
  if (node.outputs.length > 1) return builder.emitMany(node.op, inputs, node.attrs, node.outputs, node.inputNames);
  const { shape, dtype } = node.outputs[0]!;
  return [builder.emit(node.op, inputs, node.attrs, shape, dtype, node.inputNames)];
};

/**
 * A new program that computes the same outputs from the same leaves, each node rewritten by `visit`. What nothing
 * uses any more is gone.
 */
export function rebuild(
  program: Program,
  builder: Builder,
  visit: Visitor = copyNode,
  leaf: (value: Value) => Value = (value) => value,
): Program {
  const replaced = new Map<Value, Value>();
  const lookUp = (value: Value) => {
    let found = replaced.get(value);
    if (!found) {
      found = leaf(value);
      replaced.set(value, found);
    }
    return found;
  };
  for (const node of program.nodes) {
    const results = visit(node, node.inputs.map(lookUp), builder);
    node.outputs.forEach((output, i) => {
      if (results[i]) replaced.set(output, results[i]);
    });
  }
  return extractProgram(program.outputs.map(lookUp));
}

/** The shape of an elementwise operation on two shapes that are known to be compatible. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    return x === 1 ? y : x;
  });
}
