import { ConfigError } from '@diptych/core';
import { type Node, type Program, sameShape, type Value } from '@diptych/graph';

/** How far an output is looked for behind an input: `select(healthy, p - rate * g, p)` is four steps. */
const NEAR = 6;

/**
 * Which output may lie over which donated input: of its shape and dtype, each output over one input. An output that is computed
 * from the input in a few steps goes first, such as a weight's new value over the old one; an output of other making would have
 * the compiler copy.
 *
 * @param donated positions among the inputs
 * @returns input -> output
 * @throws ConfigError for positions that the program does not have
 */
export function pairDonations({ inputs, outputs }: Program, donated: readonly number[]): Map<number, number> {
  for (const position of donated) {
    if (inputs[position]) continue;
    const expected = `donated positions from 0 to ${inputs.length - 1}`;
    throw new ConfigError({ where: 'xla.lowerProgram', expected, got: String(position) });
  }
  const pairs = new Map<number, number>();
  const free = new Set(outputs.keys());
  // An output that is an input itself is no new value.
  for (const [i, output] of outputs.entries()) if (!output.node) free.delete(i);
  const pair = (input: number, output: number | undefined) => {
    if (output === undefined) return;
    pairs.set(input, output);
    free.delete(output);
  };
  const fits = (leaf: Value, output: Value) => sameShape(leaf.shape, output.shape) && leaf.dtype === output.dtype;
  const wanted = new Set(donated.map((position) => inputs[position]!));
  const near = new Map(outputs.map((output, i) => [i, leavesNear(output, wanted)]));
  for (const position of donated) {
    const leaf = inputs[position]!;
    const candidates = [...free].filter((i) => fits(leaf, outputs[i]!) && near.get(i)!.has(leaf));
    candidates.sort((a, b) => near.get(a)!.get(leaf)! - near.get(b)!.get(leaf)!);
    pair(position, candidates[0]);
  }
  for (const position of donated) {
    if (!pairs.has(position))
      pair(
        position,
        [...free].find((i) => fits(inputs[position]!, outputs[i]!)),
      );
  }
  return pairs;
}

/** The wanted leaves that a value is computed from in few steps, with their number; a kernel's nth result is nearest to its nth state. */
function leavesNear(value: Value, wanted: ReadonlySet<Value>): Map<Value, number> {
  const found = new Map<Value, number>();
  let layer: Value[] = [value];
  const seen = new Set<Node>();
  for (let distance = 0; distance < NEAR && layer.length > 0; distance++) {
    const next: Value[] = [];
    for (const { node, index } of layer) {
      if (!node || seen.has(node)) continue;
      seen.add(node);
      node.inputs.forEach((input, i) => {
        const own = STATE[node.op]?.[index] === i;
        if (wanted.has(input) && !found.has(input)) found.set(input, own ? distance - 1 : distance);
        next.push(input);
      });
    }
    layer = next;
  }
  return found;
}

/** Operations whose results replace inputs of theirs, by position. */
const STATE: Readonly<Record<string, readonly number[]>> = { AdamW: [0, 2, 3] };
