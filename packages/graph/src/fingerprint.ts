import type { Program } from './program.js';
import { describeAttributes, type NumericData, type Value } from './value.js';

/** Text that is equal for programs of equal structure; `describeLeaf` says what tells leaves apart. */
export function fingerprint(program: Program, describeLeaf: (leaf: Value, index: number) => string): string {
  const ids = new Map<Value, string>();
  program.inputs.forEach((leaf, i) => {
    ids.set(leaf, `i${i}`);
  });
  let counter = 0;
  const lines = program.inputs.map((leaf, i) => `${leaf.dtype}[${leaf.shape}]${describeLeaf(leaf, i)}`);
  for (const node of program.nodes) {
    for (const output of node.outputs) ids.set(output, String(counter++));
    const outputs = node.outputs.map(({ shape, dtype }) => `${dtype}[${shape}]`).join('|');
    const operands = node.inputs.map((input) => ids.get(input)).join();
    lines.push(`${node.op}(${operands};${node.inputNames})${describeAttributes(node.attrs)}${outputs}`);
  }
  lines.push(program.outputs.map((output) => ids.get(output)).join());
  return lines.join(';');
}

/** A 32-bit FNV-1a hash of an array's bytes, to tell constants apart. */
export function hashData(data: NumericData): number {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
