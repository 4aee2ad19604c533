import type { Node, Program, Value } from '@diptych/graph';
import { type Part, partition, type Readers, readersOf } from '@diptych/graph/engine';
import type { Datum } from './device-tensor.js';
import { IN_PLACE_KERNELS } from './in-place-kernels.js';
import { runsOnHost, type Target } from './target.js';

/** The parts of a program, for sessions and for JavaScript. */
export function partsFor(program: Program, target: Target): Part[] {
  const readers = readersOf(program);
  const isOnHost = (node: Node) =>
    runsOnHost(target, node) ||
    isNormOfOperands(node, target, readers) ||
    isEmbeddingGradient(node, target, readers, program.outputs);
  return partition(program, isOnHost, readers);
}

/** True where an operation with a kernel that updates in place wants the value in its memory. */
function isOperand(value: Value, { onHost }: Target, readers: Readers): boolean {
  return (readers.get(value) ?? []).some(
    ({ op, inputs }) => onHost.has(op) && IN_PLACE_KERNELS[op]?.operands.some((input) => inputs[input] === value),
  );
}

/**
 * True for the gradient of an embedding that only an update in place and its norm read. As part of a session it would be written
 * out in full, nearly all of it zeros; on the host a few rows are added to memory that is zero already.
 */
function isEmbeddingGradient(
  { op, inputs, outputs: [sum] }: Node,
  target: Target,
  readers: Readers,
  wanted: readonly Value[],
): boolean {
  if (op !== 'UnsortedSegmentSum' || wanted.includes(sum!) || !isOperand(sum!, target, readers)) return false;
  const updates = (readers.get(sum!) ?? []).filter((reader) => !isNormOfOperands(reader, target, readers));
  return updates.length === 1 && updates[0]!.op in IN_PLACE_KERNELS && inputs[0]!.size < sum!.size;
}

/** Norms of what lies in the memory of an update in place are taken there, in float64. */
function isNormOfOperands({ op, inputs }: Node, target: Target, readers: Readers): boolean {
  return op === 'SumsOfSquares' && inputs.some((input) => isOperand(input, target, readers));
}

/** Data of every value while a plan runs. */
export type Environment = Map<Value, Datum>;
