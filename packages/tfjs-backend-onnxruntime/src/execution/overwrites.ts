import type { OnnxGraph, OnnxNode } from '../onnx/index.js';

/** Operators whose result may share its memory with an operand of its size: element i reads nothing but element i. */
const ELEMENTWISE = new Set(
  'Abs Add Cast Clip Div Exp Identity Log Max Min Mul Neg Pow Reciprocal Sign Sqrt Sub Tanh Where'.split(' '),
);
/** Operators whose result is their first operand's memory under another shape. */
const VIEWS = new Set('Flatten Identity Reshape Squeeze Unsqueeze'.split(' '));
/** Operators that refuse some values of their operands, by an error in the middle of a run. */
const REFUSE_VALUES = new Set('Gather GatherElements GatherND ScatterElements ScatterND'.split(' '));

/** A result of a graph that would best be written where one of its inputs lies; input and output have one shape and dtype. */
export interface Overwrite {
  /** undefined where the graph does not read it. */
  readonly input: string | undefined;
  readonly output: string;
}

/**
 * Finds out which results can be written where their inputs lie: everything that reads the input, or that may end the run with an
 * error, has to run before the operator that writes, which itself may read the input element by element. (XLA calls this donation
 * of a buffer.) Where that operator is a selection (`Where`) and the graph leaves the order open, its condition is made to depend
 * on what has to run before it, so that the order in which the runtime takes operators does not matter.
 *
 * @param graph its nodes in an order in which they can run; not to be optimised any more, which might drop what orders it
 * @returns the pairs that are possible, and the graph that keeps the order
 */
export function planOverwrites<Wanted extends Overwrite>(
  graph: OnnxGraph,
  wanted: readonly Wanted[],
): { graph: OnnxGraph; overwrites: Wanted[] } {
  if (wanted.length === 0) return { graph, overwrites: [] };
  const { nodes } = graph;
  const producers = new Map(nodes.flatMap(({ outputs }, i) => outputs.map((name) => [name, i] as const)));
  const readers = readersByName(nodes);
  const refusing = [...nodes.keys()].filter((i) => REFUSE_VALUES.has(nodes[i]!.opType));
  const results = new Set(graph.outputs.map(({ name }) => name));
  const ordered = new Map<number, OnnxNode[]>();
  const overwrites = wanted.filter(({ input, output }) => {
    const writer = producers.get(output);
    const reading = input === undefined ? new Set<number>() : readersOf(input, nodes, readers, results);
    if (writer === undefined || !reading) return false;
    const { opType, inputs } = nodes[writer]!;
    if (reading.has(writer) && !ELEMENTWISE.has(opType)) return false;
    const before = new Set([...reading, ...refusing]);
    before.delete(writer);
    const missing = unordered(before, writer, nodes, producers);
    if (missing.length === 0) return true;
    // in the order of the list, so that no two additions make a circle
    if (opType !== 'Where' || ordered.has(writer) || missing.some((node) => node > writer)) return false;
    ordered.set(
      writer,
      after(
        nodes[writer]!,
        inputs,
        missing.map((node) => nodes[node]!),
      ),
    );
    return true;
  });
  return { graph: { ...graph, nodes: nodes.flatMap((node, i) => ordered.get(i) ?? [node]) }, overwrites };
}

function readersByName(nodes: readonly OnnxNode[]): ReadonlyMap<string, readonly number[]> {
  const readers = new Map<string, number[]>();
  for (const [i, { inputs }] of nodes.entries()) {
    for (const name of inputs) {
      const list = readers.get(name);
      if (list) list.push(i);
      else readers.set(name, [i]);
    }
  }
  return readers;
}

/** Nodes that read the input's memory, also under another shape; undefined if a result of the graph is such a view of it. */
function readersOf(
  input: string,
  nodes: readonly OnnxNode[],
  readers: ReadonlyMap<string, readonly number[]>,
  results: ReadonlySet<string>,
): Set<number> | undefined {
  const found = new Set<number>();
  const names = [input];
  for (const name of names) {
    for (const reader of readers.get(name) ?? []) {
      found.add(reader);
      const { opType, inputs, outputs } = nodes[reader]!;
      if (!VIEWS.has(opType) || inputs[0] !== name) continue;
      if (results.has(outputs[0]!)) return undefined;
      names.push(outputs[0]!);
    }
  }
  return found;
}

/** Those of `wanted` on which the node `writer` does not depend, neither directly nor through others. */
function unordered(
  wanted: ReadonlySet<number>,
  writer: number,
  nodes: readonly OnnxNode[],
  producers: ReadonlyMap<string, number>,
): number[] {
  const missing = new Set(wanted);
  const earliest = Math.min(...wanted);
  const seen = new Set([writer]);
  const stack = [writer];
  while (stack.length > 0 && missing.size > 0) {
    for (const name of nodes[stack.pop()!]!.inputs) {
      const producer = producers.get(name);
      if (producer === undefined || producer < earliest || seen.has(producer)) continue;
      seen.add(producer);
      missing.delete(producer);
      stack.push(producer);
    }
  }
  return [...missing];
}

/** The selection with a condition that waits for other nodes: a tensor's size, which is never zero, is true. */
function after(writer: OnnxNode, [condition, ...rest]: readonly string[], waited: readonly OnnxNode[]): OnnxNode[] {
  const base = writer.outputs[0]!;
  const added: OnnxNode[] = [];
  const add = (opType: string, inputs: readonly string[], attributes: OnnxNode['attributes'] = {}) => {
    const output = `${base}_after${added.length}`;
    added.push({ opType, inputs, outputs: [output], attributes, name: `${opType}_${output}` });
    return output;
  };
  const all = waited.reduce((so, { outputs }) => {
    const exists = add('Cast', [add('Size', [outputs.find((name) => name !== '')!])], { to: BOOL });
    return add('And', [so, exists]);
  }, condition!);
  return [...added, { ...writer, inputs: [all, ...rest] }];
}

/** TensorProto.DataType.BOOL */
const BOOL = 9;
