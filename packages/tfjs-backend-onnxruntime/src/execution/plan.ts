import type { Node, Program, Value } from '@diptych/graph';
import type { Datum } from './device-tensor.js';
import { IN_PLACE_KERNELS } from './in-place-kernels.js';
import { runsOnHost, type Target } from './target.js';

/** Operations for one session. Inputs are leaves or come from other parts; outputs are what others need. */
export interface SessionPart {
  kind: 'session';
  inputs: Value[];
  nodes: Node[];
  outputs: Value[];
}

/** One operation outside the session. */
export interface HostPart {
  kind: 'host';
  node: Node;
}

export type Part = SessionPart | HostPart;

/**
 * Cuts a program into sessions and host operations, in the order in which they run. Each operation goes as early as
 * its inputs allow, so that a program without host operations, or with random numbers that depend on nothing but its
 * inputs, is one session.
 */
export function partition(program: Program, target: Target): Part[] {
  const readers = readersOf(program);
  const isOnHost = (node: Node) =>
    runsOnHost(target, node) ||
    isNormOfOperands(node, target, readers) ||
    isEmbeddingGradient(node, target, readers, program.outputs);
  const level = new Map<Node, number>();
  const sessions = new Map<number, Node[]>();
  const hosts = new Map<number, Node[]>();
  for (const node of program.nodes) {
    const onHost = isOnHost(node);
    let at = onHost ? -1 : 0;
    for (const { node: producer } of node.inputs) {
      if (producer) at = Math.max(at, level.get(producer)! + (!onHost && isOnHost(producer) ? 1 : 0));
    }
    level.set(node, at);
    const group = onHost ? hosts : sessions;
    group.set(at, [...(group.get(at) ?? []), node]);
  }
  const parts: Part[] = [];
  const last = Math.max(-1, ...sessions.keys(), ...hosts.keys());
  const wanted = new Set(program.outputs);
  for (let at = -1; at <= last; at++) {
    const nodes = sessions.get(at);
    if (nodes) parts.push(sessionPart(nodes, wanted, readers));
    for (const node of hosts.get(at) ?? []) parts.push({ kind: 'host', node });
  }
  return parts;
}

/** True where an operation with a kernel that updates in place wants the value in its memory. */
function isOperand(value: Value, { onHost }: Target, readers: ReadonlyMap<Value, Node[]>): boolean {
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
  readers: ReadonlyMap<Value, Node[]>,
  wanted: readonly Value[],
): boolean {
  if (op !== 'UnsortedSegmentSum' || wanted.includes(sum!) || !isOperand(sum!, target, readers)) return false;
  const updates = (readers.get(sum!) ?? []).filter((reader) => !isNormOfOperands(reader, target, readers));
  return updates.length === 1 && updates[0]!.op in IN_PLACE_KERNELS && inputs[0]!.size < sum!.size;
}

/** Norms of what lies in the memory of an update in place are taken there, in float64. */
function isNormOfOperands({ op, inputs }: Node, target: Target, readers: ReadonlyMap<Value, Node[]>): boolean {
  return op === 'SumsOfSquares' && inputs.some((input) => isOperand(input, target, readers));
}

function readersOf(program: Program): Map<Value, Node[]> {
  const readers = new Map<Value, Node[]>();
  for (const node of program.nodes) {
    for (const input of node.inputs) {
      const list = readers.get(input);
      if (list) list.push(node);
      else readers.set(input, [node]);
    }
  }
  return readers;
}

function sessionPart(nodes: Node[], wanted: ReadonlySet<Value>, readers: ReadonlyMap<Value, Node[]>): SessionPart {
  const inside = new Set(nodes);
  const inputs = new Set<Value>();
  const outputs: Value[] = [];
  for (const node of nodes) {
    for (const input of node.inputs) if (!input.node || !inside.has(input.node)) inputs.add(input);
    for (const output of node.outputs) {
      if (wanted.has(output) || readers.get(output)?.some((reader) => !inside.has(reader))) outputs.push(output);
    }
  }
  return { kind: 'session', inputs: [...inputs], nodes, outputs };
}

/** Data of every value while a plan runs. */
export type Environment = Map<Value, Datum>;
