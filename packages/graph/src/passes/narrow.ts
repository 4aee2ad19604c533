import { Builder, copyNode } from '../builder.js';
import { extractProgram, type Program } from '../program.js';
import type { Node, Value } from '../value.js';
import { NARROW_RULES, narrower } from './narrow-rules.js';
import { SIMPLIFICATIONS } from './simplify.js';
import { hull, joined, keptShape, meet, type Narrowed, type Stripe, take } from './stripe.js';

/** How a node is computed: which stripe of its result, from which stripes of its operands. */
interface Plan {
  out: Stripe | undefined;
  operands: readonly (Stripe | undefined)[];
}

/**
 * Computes of each value only what is read of it and is not zero anyway.
 *
 * Where a program reads token 0 of a block's result (a class token), all that the block computes token by token shrinks to
 * this token: the slice moves up through elementwise operations, normalisations, products, softmax and dropout masks, up to
 * where tokens meet. The gradient of a slice is zero but for what was sliced; so it stays small on its way back, down to
 * sums over all tokens, which leave out the zeros. Results are the same to the last bits, with sums in another order.
 */
export function narrow(program: Program): Program {
  const plans = planOf(program);
  if (![...plans].some(([{ op }, { out, operands }]) => narrows(op, out, operands))) return program;
  const b = new Builder(SIMPLIFICATIONS);
  const computed = new Map<Value, Narrowed>();
  const look = (value: Value): Narrowed => computed.get(value) ?? { value, stripe: undefined, shape: value.shape };
  for (const node of program.nodes) {
    const { out, operands } = plans.get(node)!;
    const results = emit(node, node.inputs.map(look), operands, out, b);
    node.outputs.forEach((output, i) => {
      computed.set(output, { value: results[i]!, stripe: i === 0 ? out : undefined, shape: output.shape });
    });
  }
  return extractProgram(program.outputs.map((output) => take(look(output), undefined, b)));
}

/** True if the plan saves something: slices and paddings are small as they stand. */
function narrows(op: string, out: Plan['out'], operands: Plan['operands']): boolean {
  return op !== 'Slice' && op !== 'PadV2' && (out !== undefined || operands.some((stripe) => stripe !== undefined));
}

function emit(
  node: Node,
  inputs: readonly Narrowed[],
  operands: Plan['operands'],
  out: Plan['out'],
  b: Builder,
): readonly Value[] {
  const side = node.op === 'Add' && inputs[0] && inputs[1] && joined(inputs[0], inputs[1], out, b);
  if (side) return [side];
  const values = inputs.map((x, i) => take(x, operands[i], b));
  const rule = NARROW_RULES[node.op];
  const instead = rule?.emit?.(node, values, out, b);
  if (instead) return [instead];
  if (!out) return copyNode(node, values, b);
  const { shape, dtype } = node.outputs[0]!;
  const attrs = rule?.attrs?.(node, out) ?? node.attrs;
  return [b.emit(node.op, values, attrs, keptShape(shape, out), dtype, node.inputNames)];
}

function planOf(program: Program): Map<Node, Plan> {
  const supports = supportsOf(program);
  /** What is read of a value: a stripe, or undefined for all of it. */
  const read = new Map<Value, Stripe | undefined>();
  const reads = (value: Value, stripe: Stripe | undefined) =>
    read.set(value, read.has(value) ? hull(read.get(value), stripe) : stripe);
  for (const output of program.outputs) reads(output, undefined);
  const plans = new Map<Node, Plan>();
  for (const node of [...program.nodes].reverse()) {
    const plan = planNode(node, read.get(node.outputs[0]!), supports);
    plans.set(node, plan);
    node.inputs.forEach((input, i) => {
      reads(input, plan.operands[i]);
    });
  }
  return plans;
}

function planNode(node: Node, read: Stripe | undefined, supports: ReadonlyMap<Value, Stripe>): Plan {
  const whole = { out: undefined, operands: node.inputs.map(() => undefined) };
  const rule = NARROW_RULES[node.op];
  if (!rule || node.outputs.length > 1) return whole;
  const given = node.inputs.map((input) => supports.get(input));
  const support = supports.get(node.outputs[0]!);
  const best = narrower(read, support);
  for (const out of new Set([read && support && meet(read, support), best, read, support].filter(Boolean))) {
    const operands = rule.operands(node, out, given);
    if (operands) return { out, operands };
  }
  const operands = rule.operands(node, undefined, given);
  return operands ? { out: undefined, operands } : whole;
}

/** For each float that is zero outside of a stripe, the stripe. */
function supportsOf(program: Program): Map<Value, Stripe> {
  const supports = new Map<Value, Stripe>();
  for (const node of program.nodes) {
    const given = node.inputs.map((input) => supports.get(input));
    const support = NARROW_RULES[node.op]?.support?.(node, given);
    if (support && node.outputs[0]!.dtype === 'float32') supports.set(node.outputs[0]!, support);
  }
  return supports;
}
