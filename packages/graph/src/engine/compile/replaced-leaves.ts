import type { Value } from '../../value.js';
import type { Trace } from './recording.js';

/**
 * The outputs of a program that are new values of variables which it reads, with the leaf that stands for the old value. Not those
 * whose old value is a result as well, or whose new value is assigned to two variables.
 */
export function replacedLeaves(
  outputs: readonly Value[],
  { variableOf, assignments, returned }: Trace,
): ReadonlyMap<Value, Value> {
  const leafOf = new Map([...variableOf].map(([leaf, variable]) => [variable, leaf]));
  const all = new Set(outputs);
  const replaced = new Map<Value, Value>();
  const twice = new Set<Value>();
  for (const [i, { variable }] of assignments.entries()) {
    const [output, leaf] = [outputs[returned + i]!, leafOf.get(variable)];
    if (replaced.has(output)) twice.add(output);
    if (leaf && output.node && !all.has(leaf) && variable.dtype !== 'string') replaced.set(output, leaf);
  }
  for (const output of twice) replaced.delete(output);
  return replaced;
}
