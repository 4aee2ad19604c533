import { Builder, copyNode, type Rule, rebuild } from '../builder.js';
import type { Program } from '../program.js';

/** `sum(x * x)` over everything; sums along some axes are not faster as one operation. */
const sumOfSquares: Rule = ({ inputs: [x], attrs, shape, dtype }, b) => {
  if (x!.node?.op !== 'Square' || dtype !== 'float32') return undefined;
  if ((attrs.axes as number[]).length !== x!.shape.length) return undefined;
  return b.emit('SumOfSquares', x!.node.inputs, attrs, shape, dtype);
};

/** Norms without a squared copy of the tensor. Takes programs in memory order. */
export function fuseSumOfSquares(program: Program): Program {
  return rebuild(program, new Builder({ Sum: [sumOfSquares] }), copyNode);
}
