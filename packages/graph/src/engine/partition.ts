import type { Program } from '../program.js';
import type { Node, Value } from '../value.js';

/** Operations that the engine runs as one program. Inputs are leaves or come from other parts; outputs are what others need. */
export interface EnginePart {
  readonly kind: 'engine';
  readonly inputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Value[];
}

/** One operation that JavaScript runs. */
export interface HostPart {
  readonly kind: 'host';
  readonly node: Node;
}

export type Part = EnginePart | HostPart;

/** Of each value the nodes that read it. */
export type Readers = ReadonlyMap<Value, readonly Node[]>;

/**
 * Cuts a program into parts for the engine and host operations, in the order in which they run. Each operation goes as early as
 * its inputs allow, so that a program without host operations, or with random numbers that depend on nothing but its
 * inputs, is one part.
 */
export function partition(program: Program, isOnHost: (node: Node) => boolean, readers = readersOf(program)): Part[] {
  const level = new Map<Node, number>();
  const engine = new Map<number, Node[]>();
  const hosts = new Map<number, Node[]>();
  const onHosts = new Map(program.nodes.map((node) => [node, isOnHost(node)]));
  for (const node of program.nodes) {
    const onHost = onHosts.get(node)!;
    let at = onHost ? -1 : 0;
    for (const { node: producer } of node.inputs) {
      if (producer) at = Math.max(at, level.get(producer)! + (!onHost && onHosts.get(producer) ? 1 : 0));
    }
    level.set(node, at);
    const group = onHost ? hosts : engine;
    const list = group.get(at);
    if (list) list.push(node);
    else group.set(at, [node]);
  }
  const parts: Part[] = [];
  const last = Math.max(-1, ...engine.keys(), ...hosts.keys());
  const wanted = new Set(program.outputs);
  for (let at = -1; at <= last; at++) {
    const nodes = engine.get(at);
    if (nodes) parts.push(enginePart(nodes, wanted, readers));
    for (const node of hosts.get(at) ?? []) parts.push({ kind: 'host', node });
  }
  return parts;
}

export function readersOf(program: Program): Map<Value, Node[]> {
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

function enginePart(nodes: readonly Node[], wanted: ReadonlySet<Value>, readers: Readers): EnginePart {
  const inside = new Set(nodes);
  const inputs = new Set<Value>();
  const outputs: Value[] = [];
  for (const node of nodes) {
    for (const input of node.inputs) if (!input.node || !inside.has(input.node)) inputs.add(input);
    for (const output of node.outputs) {
      if (wanted.has(output) || readers.get(output)?.some((reader) => !inside.has(reader))) outputs.push(output);
    }
  }
  return { kind: 'engine', inputs: [...inputs], nodes, outputs };
}
