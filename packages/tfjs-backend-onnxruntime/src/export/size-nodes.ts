import { EngineError } from '@diptych/core';
import { ONNX_DTYPES, type OnnxData, type OnnxDtype, type OnnxNode, type OnnxTensor } from '../onnx/index.js';
import { describe, evaluate, fitRounded, ROUNDING, type SizeExpression } from './size-expression.js';

/** A size that a model leaves open, and where it stands. */
export interface DynamicAxis {
  symbol: string;
  /** In the examples. */
  size: number;
  places: { input: string; index: number; axis: number }[];
}

/** What is known of the recordings that the graph is made of. */
interface Recorded {
  readonly where: string;
  /** Sizes of each recording: first those that say how something depends on them, then those that prove it. */
  readonly all: readonly (readonly number[])[];
  /** How many are of the first kind. */
  readonly grid: number;
  /** The expression of whole numbers that has these values. @throws EngineError where there is none */
  readonly expressionOf: (values: readonly number[], what: string) => SizeExpression;
}

/** What a number may be of a sum of products of sizes: how to get from one to the other, and the ONNX operators for it. */
const FORMS: readonly { of: (y: number) => number; back: (value: number) => number; operators: readonly string[] }[] = [
  { of: (y) => y, back: (value) => value, operators: [] },
  { of: (y) => 1 / y, back: (value) => 1 / value, operators: ['Reciprocal'] },
  { of: Math.sqrt, back: (value) => value ** 2, operators: ['Sqrt'] },
  { of: (y) => 1 / Math.sqrt(y), back: (value) => value ** -2, operators: ['Sqrt', 'Reciprocal'] },
];

/** Operators that read the sizes of inputs, and compute from them what depends on them. */
export class SizeNodes {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #symbols: readonly string[];
  readonly #known = new Map<string, string>();

  constructor(
    axes: readonly DynamicAxis[],
    private readonly recorded: Recorded,
  ) {
    this.#symbols = axes.map(({ symbol }) => symbol);
    for (const { symbol, places } of axes) {
      const { input, axis } = places[0]!;
      const shape = this.#op('Shape', [input], `size_${symbol}_shape`);
      this.#op('Gather', [shape, this.#int64([axis])], sizeName(symbol), { axis: 0 });
    }
  }

  /** Operators whose last output has the name of the tensor, and its value at any sizes. */
  compute(variants: readonly OnnxTensor[]): void {
    const [tensor] = variants as [OnnxTensor];
    const isList = tensor.dtype === 'int64' && variants.every(({ data }) => data.length === tensor.data.length);
    if (isList) this.#list(variants, tensor.name);
    else if (variants.every(({ data }) => isUniform(data))) this.#repeated(variants);
    else if (!this.#progression(variants)) {
      throw new EngineError({
        where: this.recorded.where,
        problem: `a ${tensor.dtype} constant of shape [${tensor.shape}] depends on a size`,
        remedy:
          'compute it of tensors (tf.range, the shape of a mask), pass it as an argument, or leave the axis at a fixed size',
      });
    }
  }

  /** Whole numbers side by side. */
  #list(variants: readonly OnnxTensor[], name?: string): string {
    const parts = Array.from({ length: variants[0]!.data.length }, (_, at) =>
      this.#whole(
        this.recorded.expressionOf(
          variants.map(({ data }) => Number(data[at])),
          'a number in a shape',
        ),
      ),
    );
    return this.#op('Concat', parts, name, { axis: 0 });
  }

  #shape(variants: readonly OnnxTensor[]): string {
    const lists = variants.map(({ name, shape }) => ({
      name,
      dtype: 'int64' as const,
      shape: [shape.length],
      data: BigInt64Array.from(shape, BigInt),
    }));
    return this.#list(lists);
  }

  /** One number, repeated. */
  #repeated(variants: readonly OnnxTensor[]): void {
    const [{ name, dtype, shape }] = variants as [OnnxTensor];
    const scalar = this.#scalar(
      variants.map(({ data }) => Number(data[0])),
      dtype,
    );
    if (variants.every((variant) => variant.shape.join() === shape.join())) {
      const target = this.#int64(shape);
      this.#op(shape.length === 0 ? 'Reshape' : 'Expand', [scalar, target], name);
    } else this.#op('Expand', [scalar, this.#shape(variants)], name);
  }

  /** Numbers at equal distances, as of `tf.range`. */
  #progression(variants: readonly OnnxTensor[]): boolean {
    const [{ name, dtype, data }] = variants as [OnnxTensor];
    const [start, step] = [Number(data[0]), Number(data[1]) - Number(data[0])];
    const fits = variants.every((variant) =>
      Array.from(variant.data as ArrayLike<number>).every((value, i) => value === Math.fround(start + i * step)),
    );
    if (!fits || !(dtype === 'int32' || dtype === 'float32')) return false;
    const length = this.recorded.expressionOf(
      variants.map((variant) => variant.data.length),
      'the length of a range',
    );
    const end = this.#typed(this.#scaled(length, step, start), dtype);
    const scalars = [this.#constant([start], dtype, []), this.#squeezed(end), this.#constant([step], dtype, [])];
    const range = this.#op('Range', scalars);
    this.#op('Reshape', [range, this.#shape(variants)], name);
    return true;
  }

  /** `expression * factor + constant`, as int64 of one element. */
  #scaled(expression: SizeExpression, factor: number, constant: number): string {
    const product = this.#op('Mul', [this.#float(expression), this.#constant([factor], 'float32')]);
    return this.#op('Add', [product, this.#constant([constant], 'float32')]);
  }

  /** A number as a tensor of one element. */
  #scalar(values: readonly number[], dtype: OnnxDtype): string {
    if (values.every((value) => value === values[0])) return this.#constant([values[0]!], dtype);
    if (dtype !== 'float32') return this.#typed(this.#whole(this.recorded.expressionOf(values, 'a number')), dtype);
    const { all, grid, where } = this.recorded;
    for (const { of, back, operators } of FORMS) {
      const expression = fitRounded(all.slice(0, grid).map((sizes, i) => ({ sizes, value: back(values[i]!) })));
      const isProven = all.length > grid || expression.length === 1;
      const fits = all.every((sizes, i) => Math.abs(of(evaluate(expression, sizes)) / values[i]! - 1) < ROUNDING);
      if (!isProven || !fits) continue;
      return operators.reduce((x, operator) => this.#op(operator, [x]), this.#float(expression));
    }
    throw new EngineError({
      where,
      problem: `a number is ${values.join(', ')} at sizes ${all.map((sizes) => sizes.join('x')).join(', ')}`,
      remedy: 'pass it as an argument, or leave this axis at a fixed size',
    });
  }

  /** An expression in int64, a tensor of one element. */
  #whole(expression: SizeExpression): string {
    return this.#once(`whole:${describe(expression, this.#symbols)}`, () =>
      this.#sum(expression, (symbol) => sizeName(symbol), 'int64'),
    );
  }

  #float(expression: SizeExpression): string {
    return this.#once(`float:${describe(expression, this.#symbols)}`, () =>
      this.#sum(expression, (symbol) => this.#typed(sizeName(symbol), 'float32'), 'float32'),
    );
  }

  #sum(expression: SizeExpression, sizeOf: (symbol: string) => string, dtype: OnnxDtype): string {
    const terms = expression.map(({ factor, sizes }) => {
      const names = sizes.map((i) => sizeOf(this.#symbols[i]!));
      if (factor !== 1 || names.length === 0) names.unshift(this.#constant([factor], dtype));
      return names.reduce((a, b) => this.#op('Mul', [a, b]));
    });
    return terms.length === 0 ? this.#constant([0], dtype) : terms.reduce((a, b) => this.#op('Add', [a, b]));
  }

  #typed(x: string, dtype: OnnxDtype): string {
    return this.#once(`${dtype}:${x}`, () => this.#op('Cast', [x], undefined, { to: ONNX_DTYPES[dtype].code }));
  }

  #squeezed(x: string): string {
    return this.#op('Reshape', [x, this.#int64([])]);
  }

  #int64(values: readonly number[]): string {
    return this.#constant(values, 'int64');
  }

  #constant(values: readonly number[], dtype: OnnxDtype, shape: readonly number[] = [values.length]): string {
    return this.#once(`constant:${dtype}[${shape}]${values}`, () => {
      const name = `size_c${this.initializers.length}`;
      const data = dtype === 'int64' ? BigInt64Array.from(values, (value) => BigInt(value)) : numbers(dtype, values);
      this.initializers.push({ name, dtype, shape, data });
      return name;
    });
  }

  #once(key: string, make: () => string): string {
    let name = this.#known.get(key);
    if (name === undefined) {
      name = make();
      this.#known.set(key, name);
    }
    return name;
  }

  #op(opType: string, inputs: readonly string[], name?: string, attributes: OnnxNode['attributes'] = {}): string {
    const output = name ?? `size_v${this.nodes.length}`;
    this.nodes.push({ opType, inputs, outputs: [output], attributes, name: `size/${opType}_${this.nodes.length}` });
    return output;
  }
}

const sizeName = (symbol: string) => `size_of_${symbol}`;

function numbers(dtype: OnnxDtype, values: readonly number[]): OnnxData {
  const data = new ONNX_DTYPES[dtype].array(values.length) as Float32Array;
  data.set(values);
  return data;
}

function isUniform(data: OnnxData): boolean {
  for (let i = 1; i < data.length; i++) if (data[i] !== data[0]) return false;
  return data.length > 0;
}
