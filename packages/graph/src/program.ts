import type { Node, Value } from './value.js';

/** A graph cut out for execution: `nodes` are in an order in which they can run, `inputs` are its leaves. */
export interface Program {
  readonly inputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Value[];
}

/**
 * The program that computes `outputs`: everything they depend on and nothing else. Iterative, because a training step
 * is thousands of nodes deep.
 */
export function extractProgram(outputs: readonly Value[]): Program {
  const nodes: Node[] = [];
  const inputs: Value[] = [];
  const seen = new Set<Node | Value>();
  const stack: { node: Node; next: number }[] = [];
  const open = (value: Value) => {
    const node = value.node;
    const key = node ?? value;
    if (seen.has(key)) return;
    seen.add(key);
    if (node) stack.push({ node, next: 0 });
    else inputs.push(value);
  };
  for (const output of outputs) {
    open(output);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const input = top.node.inputs[top.next++];
      if (input) open(input);
      else {
        nodes.push(top.node);
        stack.pop();
      }
    }
  }
  return { inputs, nodes, outputs };
}
