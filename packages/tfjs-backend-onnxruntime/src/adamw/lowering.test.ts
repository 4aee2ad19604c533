import { fuseAdamW, Node, type Program, Value } from '@diptych/graph';
import { describe, expect, it } from 'vitest';
import { Executable } from '../execution/executable.js';
import { PORTABLE } from '../execution/target.js';
import { useOnnxRuntime } from '../index.js';
import { AdamWInGraph } from './lowering.js';

const ATTRIBUTES = { beta1: 0.9, beta2: 0.99, eps: 1e-8 };
/** Row 1 of a table of rates: rate, decay, step. */
const HYPER = Float32Array.of(9, 9, 9, 0.05, 0.1, 3);

/** The operation as a training step has it: rates from a table, a clipped gradient, nothing where the norm is not finite. */
function program(shape: readonly number[]) {
  const leaf = (size: readonly number[], dtype: 'float32' | 'bool' = 'float32') => new Value(size, dtype);
  const apply = (op: string, inputs: Value[], names: string[], size = shape, attrs = {}, count = 1) => {
    const node = new Node(op, inputs, attrs, names);
    for (let i = 0; i < count; i++) node.outputs.push(new Value(size, 'float32', node, i));
    return node.outputs;
  };
  const [parameter, gradient, expAvg, expAvgSq] = [0, 1, 2, 3].map(() => leaf(shape)) as [Value, Value, Value, Value];
  const [hyper, scale, healthy] = [leaf([2, 3]), leaf([]), leaf([], 'bool')];
  const cells = [0, 1, 2].map((column) => {
    const [cell] = apply('Slice', [hyper], ['x'], [1, 1], { begin: [1, column], size: [1, 1] });
    return apply('Reshape', [cell!], ['x'], [], { shape: [] })[0]!;
  });
  const [clipped] = apply('Multiply', [gradient, scale], ['a', 'b']);
  const names = ['parameter', 'gradient', 'expAvg', 'expAvgSq', 'learningRate', 'weightDecay', 'step'];
  const inputs = [parameter, clipped!, expAvg, expAvgSq, ...cells];
  const updated = apply('AdamW', inputs, names, shape, ATTRIBUTES, 3);
  const guarded = updated.map(
    (value, i) => apply('Select', [healthy, value, [parameter, expAvg, expAvgSq][i]!], ['condition', 't', 'e'])[0]!,
  );
  const leaves = [parameter, gradient, expAvg, expAvgSq, hyper, scale, healthy];
  const nodes = [...new Set([...cells.flatMap(({ node }) => [node!.inputs[0]!.node!, node!]), clipped!.node!])];
  const all: Program = {
    inputs: leaves,
    nodes: [...nodes, updated[0]!.node!, ...guarded.map(({ node }) => node!)],
    outputs: guarded,
  };
  return { program: fuseAdamW(all), leaves };
}

describe.each([[[5, 3]], [[]]])('AdamW of shape %j', (shape) => {
  it.each([1, 0])('inside a graph equals the kernel outside of it, healthy %i', (healthy) => {
    const backend = useOnnxRuntime();
    const { program: fused, leaves } = program(shape);
    const [node] = fused.nodes.filter(({ op }) => op === 'AdamW');
    expect(node!.inputNames).toEqual(expect.arrayContaining(['hyper', 'healthy']));
    const size = leaves[0]!.size;
    const random = (seed: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(seed + i * i));
    const squares = random(3).map(Math.abs);
    const data = [random(0), random(1), random(2), squares, HYPER, Float32Array.of(0.5), Uint8Array.of(healthy)];
    const run = (onHost: boolean) => {
      const lowerings = { ...PORTABLE.lowerings, AdamW: AdamWInGraph };
      const target = { ...PORTABLE, lowerings, onHost: new Set(onHost ? ['AdamW'] : []) };
      const executable = new Executable(fused, { session: {}, target });
      const found = executable.run((leaf) => data[leaves.indexOf(leaf)]!, backend.tools);
      executable.dispose();
      return fused.outputs.map((output) => found.get(output) as Float32Array);
    };
    const [inGraph, outside] = [run(false), run(true)];
    for (const [k, values] of outside.entries()) {
      expect(inGraph[k]).toHaveLength(size);
      for (const [i, value] of values.entries()) expect(inGraph[k]![i]).toBeCloseTo(value, 6);
      const before = data[[0, 2, 3][k]!] as Float32Array;
      expect(values.some((value, i) => value !== before[i])).toBe(healthy === 1);
    }
  });
});
