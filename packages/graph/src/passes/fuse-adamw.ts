import { Builder, copyNode, type Rule, rebuild, type Visitor } from '../builder.js';
import type { Program } from '../program.js';
import type { Node, Value } from '../value.js';

/** Inputs of `AdamW` that stand for what its outputs replace: parameter, expAvg, expAvgSq. */
const REPLACED = ['parameter', 'expAvg', 'expAvgSq'];
const FROM_HYPER = ['learningRate', 'weightDecay', 'step'];

/** A node's inputs by name. */
export function inputsByName({ inputs, inputNames }: Pick<Node, 'inputs' | 'inputNames'>): Record<string, Value> {
  return Object.fromEntries(inputNames.map((name, i) => [name, inputs[i]!]));
}

/**
 * Takes into the operation `AdamW` what a training step does around it, so that one pass over the memory does it all:
 *
 * - rate, decay and step count that are cells of one row: input `hyper` [n, 3] and attribute `row`;
 * - a gradient scaled by one number (clipping): input `scale`;
 * - a selection by one condition between its results and what they replace: input `healthy`, without which nothing changes.
 */
export function fuseAdamW(program: Program): Program {
  return rebuild(program, new Builder({ Select: [guarded] }), (node, inputs, builder) =>
    node.op === 'AdamW' ? absorbOperands(node, inputs, builder) : copyNode(node, inputs, builder),
  );
}

const absorbOperands: Visitor = (node, inputs, builder) => {
  const operands = inputsByName({ inputs, inputNames: node.inputNames });
  let attrs = node.attrs;
  const cells = FROM_HYPER.map((name) => cellOf(operands[name]));
  const [first] = cells;
  if (first && cells.every((cell, i) => cell?.table === first.table && cell.row === first.row && cell.column === i)) {
    for (const name of FROM_HYPER) delete operands[name];
    operands.hyper = first.table;
    attrs = { ...attrs, row: first.row };
  }
  const product = operands.gradient!.node;
  if (product?.op === 'Multiply') {
    const scale = product.inputs.find(({ size }) => size === 1);
    const gradient = product.inputs.find((input) => input !== scale);
    const isReplaced = REPLACED.some((name) => operands[name] === gradient);
    if (scale && gradient && gradient.size === operands.gradient!.size && gradient.size > 1 && !isReplaced) {
      operands.gradient = gradient;
      operands.scale = scale;
    }
  }
  return builder.emitMany('AdamW', Object.values(operands), attrs, node.outputs, Object.keys(operands));
};

/** `table[row, column]` of a table with three columns, if the value is that. */
function cellOf(value: Value | undefined): { table: Value; row: number; column: number } | undefined {
  const slice = value?.node?.op === 'Reshape' ? value.node.inputs[0]!.node : value?.node;
  const table = slice?.inputs[0];
  if (slice?.op !== 'Slice' || value!.size !== 1 || table?.shape.length !== 2 || table.shape[1] !== 3) return undefined;
  const [row, column] = slice.attrs.begin as [number, number];
  return { table, row, column };
}

/** `condition ? AdamW(…) : what it replaces`, with one condition for all elements. */
const guarded: Rule = ({ inputs: [condition, updated, before] }, builder) => {
  const node = updated!.node;
  if (node?.op !== 'AdamW' || condition!.size !== 1 || node.inputNames.includes('healthy')) return undefined;
  if (before !== inputsByName(node)[REPLACED[updated!.index]!]) return undefined;
  const [inputs, names] = [
    [...node.inputs, condition!],
    [...node.inputNames, 'healthy'],
  ];
  return builder.emitMany('AdamW', inputs, node.attrs, node.outputs, names)[updated!.index];
};
