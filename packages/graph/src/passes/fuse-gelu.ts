import { Builder, type Rule, rebuild } from '../builder.js';
import type { Program } from '../program.js';
import type { Value } from '../value.js';
import { splatOf } from './simplify.js';

const operandsOf = (value: Value, op: string): readonly Value[] => (value.node?.op === op ? value.node.inputs : []);

/** The other operand of `value = op(other, constant)`, in either order. */
function besideConstant(value: Value, op: string, constant: number): Value | undefined {
  const [a, b] = operandsOf(value, op);
  const isIt = (x: Value | undefined) => x !== undefined && Math.abs((splatOf(x) ?? Number.NaN) - constant) < 1e-6;
  return isIt(b) ? a : isIt(a) ? b : undefined;
}

/** `x * (erf(x / sqrt(2)) + 1) * 0.5`, the halving at either place (Hendrycks and Gimpel 2016). */
const gelu: Rule = ({ inputs, shape, dtype }, b) => {
  for (const [x, rest] of [inputs, [inputs[1], inputs[0]]] as [Value, Value][]) {
    const halved = besideConstant(x, 'Multiply', 0.5);
    const source = halved ?? x;
    const oneAndErf = halved ? rest : besideConstant(rest, 'Multiply', 0.5);
    const erf = oneAndErf && besideConstant(oneAndErf, 'Add', 1);
    const scaled = erf && operandsOf(erf, 'Erf')[0];
    if (scaled && besideConstant(scaled, 'Multiply', Math.SQRT1_2) === source) {
      return b.emit('Gelu', [source], {}, shape, dtype);
    }
  }
  return undefined;
};

/** GELU as one operation. For programs without gradients, whose backward pass does not read the parts. */
export function fuseGelu(program: Program): Program {
  return rebuild(program, new Builder({ Multiply: [gelu] }));
}
