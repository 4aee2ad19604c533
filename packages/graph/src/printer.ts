import type { Program } from './program.js';
import type { Value } from './value.js';

/** Program text for tests and for people: one line a node, values numbered in order. */
export function printProgram(program: Program): string {
  const names = new Map<Value, string>();
  program.inputs.forEach((value, i) => {
    names.set(value, `%in${i}`);
  });
  let counter = 0;
  const lines = [`inputs ${program.inputs.map((value) => `${names.get(value)}: ${typeOf(value)}`).join(', ')}`];
  for (const node of program.nodes) {
    for (const output of node.outputs) names.set(output, `%${counter++}`);
    const results = node.outputs.map((output) => `${names.get(output)}: ${typeOf(output)}`).join(', ');
    const operands = node.inputs.map((input) => names.get(input) ?? '%?').join(', ');
    lines.push(`${results} = ${node.op}(${operands})${printAttributes(node.attrs)}`);
  }
  lines.push(`outputs ${program.outputs.map((value) => names.get(value)).join(', ')}`);
  return lines.join('\n');
}

function typeOf(value: Value): string {
  return `${value.dtype === 'float32' ? 'f32' : value.dtype}[${value.shape.join(',')}]`;
}

function printAttributes(attrs: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(attrs).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? '' : ` {${entries.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(' ')}}`;
}
