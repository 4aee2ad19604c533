import { EngineError } from '@diptych/core';
import type { OnnxGraph, OnnxNode, OnnxTensor, OnnxValueInfo } from '../onnx/index.js';
import { describe, evaluate, fit, gridOf, type Sample, type SizeExpression } from './size-expression.js';
import { type DynamicAxis, SizeNodes } from './size-nodes.js';

type Shape = readonly number[];
type Lower = (shapes: readonly Shape[]) => OnnxGraph;

/** A graph and the sizes of the axes that it was recorded at. */
interface Recording {
  readonly sizes: readonly number[];
  readonly graph: OnnxGraph;
}

/**
 * A graph in which the axes may have any size. `lower` gives the graph for concrete shapes. It is recorded at a few sizes,
 * whatever the examples': never at 1, where axes vanish from the graph, and at smaller ones where the examples are as long
 * as the function takes. What differs between the recordings has to be a sum of products of the sizes (or one over it, or a
 * root), and is computed from the inputs' shapes in the graph; one more recording at other sizes proves it.
 *
 * @throws EngineError when something else depends on a size; what `lower` throws at the first sizes if it takes no others
 */
export function withDynamicAxes(axes: readonly DynamicAxis[], shapes: readonly Shape[], lower: Lower): OnnxGraph {
  if (axes.length === 0) return lower(shapes);
  let first: unknown;
  for (const plan of plansFor(axes)) {
    try {
      return generalized(axes, plan, (sizes) => lower(resized(shapes, axes, sizes)));
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

/** Sizes to record at, for each axis: two that say how something depends on it, and one to prove it. */
interface Plan {
  base: number[];
  other: number[];
  third: number[];
}

/**
 * Several, since a function may refuse sizes, and sizes that happen to be equal may merge what is not. The first has sizes
 * that differ from axis to axis; none is above an example of four or more, until all others failed.
 */
function plansFor(axes: readonly DynamicAxis[]): Plan[] {
  const down = (base: number[]) => ({
    base,
    other: base.map((size) => size - 1),
    third: base.map((size) => (size > 3 ? size - 2 : size + 1)),
  });
  return [
    down(axes.map(({ size }, i) => (size >= 4 + 2 * i ? size - 2 * i : 5 + 2 * i))),
    down(axes.map(({ size }) => Math.max(size, 3))),
    down(axes.map(({ size }, i) => Math.max(size, 3) + 7 + 3 * i)),
  ];
}

function resized(shapes: readonly Shape[], axes: readonly DynamicAxis[], sizes: readonly number[]): Shape[] {
  return shapes.map((shape, index) =>
    shape.map((size, axis) => {
      const at = axes.findIndex(({ places }) => places.some((place) => place.index === index && place.axis === axis));
      return at < 0 ? size : sizes[at]!;
    }),
  );
}

function generalized(axes: readonly DynamicAxis[], plan: Plan, lower: (sizes: readonly number[]) => OnnxGraph) {
  const symbols = axes.map(({ symbol }) => symbol);
  const where = `exportOnnx.dynamicAxes '${symbols.join("', '")}'`;
  const recordings: Recording[] = gridOf(plan.base, plan.other).map((sizes) => ({ sizes, graph: lower(sizes) }));
  const proof = attempt(() => ({ sizes: plan.third, graph: lower(plan.third) }));
  const all = proof ? [...recordings, proof] : recordings;
  const { graph } = recordings[0]!;
  for (const other of all) assertSameOperators(where, recordings[0]!, other);

  /** What has these values, one a recording. */
  const expressionOf = (values: readonly number[], what: string): SizeExpression => {
    const samples: Sample[] = recordings.map(({ sizes }, i) => ({ sizes, value: values[i]! }));
    const expression = fit(samples);
    const isWhole = expression.every(({ factor }) => Number.isInteger(factor));
    if (isWhole && all.every(({ sizes }, i) => evaluate(expression, sizes) === values[i])) return expression;
    throw new EngineError({
      where,
      problem: `${what} is ${values.join(', ')} at sizes ${all.map(({ sizes }) => sizes.join('x')).join(', ')}, which is no sum of products of them`,
      remedy: 'leave this axis at a fixed size',
    });
  };
  const nodes = new SizeNodes(axes, {
    where,
    all: all.map(({ sizes }) => sizes),
    grid: recordings.length,
    expressionOf,
  });
  const initializers: OnnxTensor[] = [];
  graph.initializers.forEach((tensor, i) => {
    const variants = all.map((recording) => recording.graph.initializers[i]!);
    if (variants.every((variant) => equal(variant, tensor))) initializers.push(tensor);
    else nodes.compute(variants);
  });
  const open = (infos: readonly OnnxValueInfo[], of: (graph: OnnxGraph) => readonly OnnxValueInfo[]) =>
    infos.map((info, i) => ({
      ...info,
      shape: info.shape.map((size, at) => {
        const values = all.map((recording) => of(recording.graph)[i]!.shape[at] as number);
        return values.every((value) => value === size)
          ? size
          : describe(expressionOf(values, `axis ${at} of '${info.name}'`), symbols);
      }),
    }));
  return {
    ...graph,
    inputs: open(graph.inputs, ({ inputs }) => inputs),
    outputs: open(graph.outputs, ({ outputs }) => outputs),
    initializers: [...initializers, ...nodes.initializers],
    nodes: [...nodes.nodes, ...graph.nodes],
  };
}

/** Undefined where it throws: a function need not take the sizes that would prove what others showed. */
function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

const describeOperator = ({ opType, inputs, attributes }: OnnxNode) =>
  `${opType}(${inputs}) ${JSON.stringify(attributes)}`;

function assertSameOperators(where: string, base: Recording, other: Recording): void {
  const [a, b] = [base.graph.nodes, other.graph.nodes];
  const at = a.findIndex((node, i) => !b[i] || describeOperator(node) !== describeOperator(b[i]));
  if (at < 0 && a.length === b.length) return;
  throw new EngineError({
    where,
    problem: `${a[at]?.name ?? 'the graph'} is another operator at sizes ${base.sizes.join('x')} than at ${other.sizes.join('x')}`,
    remedy: 'leave this axis at a fixed size',
  });
}

function equal(a: OnnxTensor, b: OnnxTensor): boolean {
  if (a.data === b.data) return a.shape.join() === b.shape.join();
  if (a.data.length !== b.data.length || a.shape.join() !== b.shape.join()) return false;
  for (let i = 0; i < a.data.length; i++) if (!Object.is(a.data[i], b.data[i])) return false;
  return true;
}
