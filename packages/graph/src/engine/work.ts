import { countElements } from '../passes/simplify.js';
import type { Program } from '../program.js';

/** Operations whose work is far more than their result's size. */
const HEAVY: Readonly<Record<string, number>> = {
  BatchMatMul: 64, Conv2D: 256, Conv2DBackpropInput: 256, Conv2DBackpropFilter: 4096, DepthwiseConv2dNative: 32,
  DepthwiseConv2dNativeBackpropInput: 32, DepthwiseConv2dNativeBackpropFilter: 4096, UnsortedSegmentSum: 16,
}; // biome-ignore format: a table

/** A rough count of scalar operations. */
export function workOf(program: Program): number {
  const heavy = program.nodes.reduce(
    (sum, node) => sum + ((HEAVY[node.op] ?? 1) - 1) * (node.outputs[0]?.size ?? 0) + inputWork(node),
    0,
  );
  return countElements(program) + heavy;
}

/** Reductions read more than they write. */
function inputWork({ op, inputs }: Program['nodes'][number]): number {
  return op === 'Sum' || op === 'Mean' || op === 'Max' ? inputs[0]!.size : 0;
}
