import type { Program } from '../program.js';
import { bytesOf } from '../recording-backend.js';
import type { Value } from '../value.js';

/** Bytes that are alive at once at the worst moment of running the nodes in order, inputs not counted. */
export function peakBytes(program: Program): number {
  const lastUse = new Map<Value, number>();
  program.nodes.forEach((node, at) => {
    for (const value of [...node.inputs, ...node.outputs]) lastUse.set(value, at);
  });
  for (const output of program.outputs) lastUse.set(output, program.nodes.length);
  let alive = 0;
  let peak = 0;
  program.nodes.forEach((node, at) => {
    for (const output of node.outputs) alive += bytesOf(output.shape, output.dtype);
    peak = Math.max(peak, alive);
    for (const value of new Set([...node.inputs, ...node.outputs])) {
      if (value.node && lastUse.get(value) === at) alive -= bytesOf(value.shape, value.dtype);
    }
  });
  return peak;
}
