import { EngineError } from '@diptych/core';
import type { OnnxGraph, OnnxNode, OnnxTensor, OnnxValueInfo } from '../onnx/index.js';

/** A size that a model leaves open, and where it stands. */
export interface DynamicAxis {
  symbol: string;
  /** In the examples. */
  size: number;
  places: { input: string; index: number; axis: number }[];
}

type Shape = readonly number[];

/**
 * A graph in which the axes may have any size. `lower` gives the graph for concrete shapes; it is asked for the
 * examples' shapes, and once more for each axis with another size. Integers that differ (shapes, ends of slices) must be
 * a constant times the sizes, and are computed from the inputs' shapes in the graph.
 *
 * @throws EngineError when something else depends on a size
 */
export function withDynamicAxes(
  axes: readonly DynamicAxis[],
  shapes: readonly Shape[],
  lower: (shapes: readonly Shape[]) => OnnxGraph,
): OnnxGraph {
  const base = lower(shapes);
  if (axes.length === 0) return base;
  const others = axes.map((axis) => ({ axis, size: axis.size + 1, graph: lower(resized(shapes, axis)) }));
  for (const { axis, graph } of others) assertSameOperators(base, graph, axis);

  const sizes = new SizeNodes(axes);
  const computed: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  base.initializers.forEach((tensor, i) => {
    const variants = others.map(({ axis, size, graph }) => ({ axis, size, tensor: graph.initializers[i]! }));
    if (variants.every((variant) => equal(variant.tensor, tensor))) {
      initializers.push(tensor);
      return;
    }
    computed.push(...sizes.compute(tensor, variants));
  });
  const open = (infos: readonly OnnxValueInfo[], of: (graph: OnnxGraph) => readonly OnnxValueInfo[]) =>
    infos.map((info, i) => ({
      ...info,
      shape: info.shape.map((size, at) => {
        const differing = others.filter(({ graph }) => of(graph)[i]!.shape[at] !== size);
        const [only] = differing;
        if (!only) return size;
        // A size that is not an axis itself (batch * tokens) gets a name that says what it is.
        return differing.length === 1 && size === only.axis.size
          ? only.axis.symbol
          : `${differing.map(({ axis }) => axis.symbol).join('_')}_${i}_${at}`;
      }),
    }));
  return {
    ...base,
    inputs: open(base.inputs, (graph) => graph.inputs),
    outputs: open(base.outputs, (graph) => graph.outputs),
    initializers: [...initializers, ...sizes.initializers],
    nodes: [...sizes.nodes, ...computed, ...base.nodes],
  };
}

function resized(shapes: readonly Shape[], { places, size }: DynamicAxis): Shape[] {
  return shapes.map((shape, index) =>
    shape.map((old, axis) => (places.some((p) => p.index === index && p.axis === axis) ? size + 1 : old)),
  );
}

const describeOperator = ({ opType, inputs, attributes }: OnnxNode) =>
  `${opType}(${inputs}) ${JSON.stringify(attributes)}`;

function assertSameOperators(base: OnnxGraph, other: OnnxGraph, { symbol, size }: DynamicAxis): void {
  const at = base.nodes.findIndex(
    (node, i) => !other.nodes[i] || describeOperator(node) !== describeOperator(other.nodes[i]),
  );
  if (at < 0 && base.nodes.length === other.nodes.length) return;
  throw new EngineError({
    where: `exportOnnx.dynamicAxes '${symbol}'`,
    problem: `${base.nodes[at]?.name ?? 'the graph'} is another operator at size ${size} than at ${size + 1}`,
    remedy: 'leave this axis at a fixed size',
  });
}

function equal(a: OnnxTensor, b: OnnxTensor): boolean {
  return (
    a.data.length === b.data.length && a.data.every((element: number | bigint, i: number) => element === b.data[i])
  );
}

/** Operators that read the sizes of inputs, and compute integers from them. */
class SizeNodes {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];

  constructor(axes: readonly DynamicAxis[]) {
    for (const { symbol, places } of axes) {
      const { input, axis } = places[0]!;
      const index = this.#constant(`size_${symbol}_axis`, [axis]);
      this.nodes.push(
        { opType: 'Shape', inputs: [input], outputs: [`size_${symbol}_shape`], attributes: {} },
        {
          opType: 'Gather',
          inputs: [`size_${symbol}_shape`, index],
          outputs: [`size_${symbol}`],
          attributes: { axis: 0 },
        },
      );
    }
  }

  /** Operators whose last output has the name of `tensor`, and its value at any sizes. */
  compute(
    tensor: OnnxTensor,
    variants: readonly { axis: DynamicAxis; size: number; tensor: OnnxTensor }[],
  ): OnnxNode[] {
    if (tensor.dtype !== 'int64' || variants.some((variant) => variant.tensor.data.length !== tensor.data.length)) {
      throw new EngineError({
        where: `exportOnnx.dynamicAxes '${variants.find((v) => !equal(v.tensor, tensor))!.axis.symbol}'`,
        problem: `a ${tensor.dtype} constant of shape [${tensor.shape}] depends on this size`,
        remedy: 'leave the axis at a fixed size, or pass this constant as an argument',
      });
    }
    const nodes: OnnxNode[] = [];
    const parts = Array.from(tensor.data as BigInt64Array, (element, at) => {
      const value = Number(element);
      const factors = variants.filter((variant) => Number((variant.tensor.data as BigInt64Array)[at]) !== value);
      let name = this.#constant(`${tensor.name}_${at}`, [this.#coefficient(value, factors, at)]);
      for (const { axis } of factors) {
        const product = `${name}_${axis.symbol}`;
        nodes.push({ opType: 'Mul', inputs: [name, `size_${axis.symbol}`], outputs: [product], attributes: {} });
        name = product;
      }
      return name;
    });
    nodes.push({ opType: 'Concat', inputs: parts, outputs: [tensor.name], attributes: { axis: 0 } });
    return nodes;
  }

  #coefficient(
    value: number,
    factors: readonly { axis: DynamicAxis; size: number; tensor: OnnxTensor }[],
    at: number,
  ): number {
    for (const { axis, size, tensor } of factors) {
      const other = Number((tensor.data as BigInt64Array)[at]);
      if (other * axis.size === value * size) continue;
      throw new EngineError({
        where: `exportOnnx.dynamicAxes '${axis.symbol}'`,
        problem: `a shape holds ${value} at size ${axis.size} and ${other} at ${size}, which is no multiple of it`,
        remedy: 'leave this axis at a fixed size',
      });
    }
    return factors.reduce((rest, { axis }) => rest / axis.size, value);
  }

  #constant(name: string, values: readonly number[]): string {
    const data = BigInt64Array.from(values, (value) => BigInt(value));
    this.initializers.push({ name, dtype: 'int64', shape: [values.length], data });
    return name;
  }
}
