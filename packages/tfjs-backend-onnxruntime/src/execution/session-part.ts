import { allocate, type NumericData, type Value } from '@diptych/graph';
import type { EnginePart } from '@diptych/graph/engine';
import { Emitter, onnxDtype } from '../lowering/emitter.js';
import { type OnnxGraph, writeModel } from '../onnx/index.js';
import {
  createSession,
  type DeviceCopies,
  hostValue,
  type OrtSession,
  type OrtSessionOptions,
  type OrtValue,
  outOfMemory,
} from '../ort/index.js';
import { type Datum, DeviceTensor } from './device-tensor.js';
import { planOverwrites } from './overwrites.js';
import type { Environment } from './plan.js';
import { asLaidOutBy, type Target } from './target.js';

/** The ONNX graph of a part. `constants` are inputs whose data goes into the graph. */
export function lowerPart(part: EnginePart, constants: ReadonlyMap<Value, NumericData>, target: Target): OnnxGraph {
  const e = new Emitter(target.emitter);
  const inputs = [];
  for (const input of part.inputs) {
    const constant = constants.get(input);
    if (constant) {
      e.bind(input, e.constant(constant, input.shape, input.dtype));
      continue;
    }
    const name = e.fresh('in');
    e.bind(input, name);
    inputs.push({ name, dtype: onnxDtype(input.dtype), shape: input.shape });
  }
  for (const node of part.nodes) e.lower(node, target.lowerings[node.op]!);
  const taken = new Set([...inputs, ...e.initializers].map(({ name }) => name));
  const outputs = part.outputs.map((output) => {
    let name = e.nameOf(output);
    // Two outputs of one name, or an input or constant as output, are not ONNX.
    if (taken.has(name)) name = e.op('Identity', [name]);
    taken.add(name);
    e.bind(output, name);
    return { name, dtype: onnxDtype(output.dtype), shape: output.shape };
  });
  return { nodes: onlyRead(e.nodes, taken), initializers: e.initializers, inputs, outputs };
}

/** Without operators whose results nobody reads: lowerings may take another way to a value than through its inputs. */
function onlyRead(nodes: OnnxGraph['nodes'], read: ReadonlySet<string>): OnnxGraph['nodes'] {
  const wanted = new Set(read);
  const kept = [...nodes].reverse().filter(({ inputs, outputs }) => {
    if (!outputs.some((name) => wanted.has(name))) return false;
    for (const name of inputs) wanted.add(name);
    return true;
  });
  return kept.reverse();
}

/**
 * ONNX Runtime runs a graph depth first from the operators that nothing else reads, the last of the file first. Written
 * last to first, they therefore run in the order in which they were recorded: a filter's gradient as soon as it can be
 * computed, so that what it reads need not be kept until the whole backward pass is through.
 */
function inRunOrder(nodes: OnnxGraph['nodes']): OnnxGraph['nodes'] {
  return [...nodes].reverse();
}

/** A value with its name in the session, and the ORT value of the last run, which is used again for the same data. */
interface Binding {
  name: string;
  value: Value;
  last: OrtValue | null;
}

type OrtFeeds = Readonly<Record<string, OrtValue>>;

/** How a part becomes a session. */
export interface SessionSetup {
  options: OrtSessionOptions;
  target: Target;
  /** Inputs whose data goes into the graph. */
  constants: ReadonlyMap<Value, NumericData>;
  /** Which outputs stay on the device, for targets that have one. */
  device?: { keeps: ReadonlySet<Value>; copies: DeviceCopies };
  /** Outputs that would best be written where one of the program's leaves lies, with that leaf. */
  replaces?: ReadonlyMap<Value, Value>;
}

/** A part with its session; runs on an environment of data. */
export class RunnableSession {
  readonly #session: OrtSession;
  readonly #profiled: boolean;
  readonly #feeds: Binding[];
  readonly #fetches: Binding[];
  /** Outputs that stay on the device. */
  readonly #kept: ReadonlySet<Value>;
  readonly #device: SessionSetup['device'];
  /** Bytes of the model: what the session holds at least. */
  readonly bytes: number;
  readonly nodeCount: number;
  /** Those of {@link SessionSetup.replaces} that this session can write there, as far as it reads the leaves itself. */
  readonly overwrites: ReadonlyMap<Value, Value>;

  constructor(part: EnginePart, { options, target, constants, device, replaces }: SessionSetup) {
    const lowered = lowerPart(part, constants, asLaidOutBy(options, target));
    // an optimiser might drop what orders the graph
    const replaced = options.graphOptimizationLevel === 'disabled' ? replaces : undefined;
    const { graph, overwrites } = planOverwrites(lowered, wantedOverwrites(part, lowered, constants, replaced));
    const model = writeModel({ ...graph, nodes: inRunOrder(graph.nodes) });
    this.bytes = model.byteLength;
    this.nodeCount = graph.nodes.length;
    this.#device = device;
    this.#profiled = options.enableProfiling ?? false;
    const fed = part.inputs.filter((input) => !constants.has(input));
    this.#feeds = graph.inputs.map(({ name }, i) => ({ name, value: fed[i]!, last: null }));
    this.#fetches = graph.outputs.map(({ name }, i) => ({ name, value: part.outputs[i]!, last: null }));
    this.overwrites = new Map(overwrites.map(({ value, leaf }) => [value, leaf]));
    this.#kept = new Set(part.outputs.filter((output) => device?.keeps.has(output)));
    const kept = this.#fetches.filter(({ value }) => this.#kept.has(value));
    const locations = Object.fromEntries(kept.map(({ name }) => [name, 'gpu-buffer' as const]));
    this.#session = createSession(
      model,
      kept.length > 0 ? { ...options, preferredOutputLocation: locations } : options,
    );
  }

  /**
   * Reads inputs from `data` and puts outputs there; into the memory that `place` gives, where it gives some.
   *
   * @returns bytes of outputs for which new memory was allocated
   */
  run(data: Environment, place: (value: Value) => NumericData | undefined): number {
    const feeds: Record<string, OrtValue> = {};
    for (const binding of this.#feeds) feeds[binding.name] = bind(binding, data.get(binding.value)!);
    if (this.#kept.size === 0) return this.#runInMemory(feeds, data, place);
    this.#runKeeping(feeds, data);
    return 0;
  }

  #runInMemory(feeds: OrtFeeds, data: Environment, place: (value: Value) => NumericData | undefined): number {
    let allocated = 0;
    const fetches: Record<string, OrtValue> = {};
    for (const binding of this.#fetches) {
      const { value } = binding;
      const placed = place(value);
      const memory = placed ?? memoryFor(value);
      if (!placed) allocated += memory.byteLength;
      fetches[binding.name] = bind(binding, memory);
      data.set(value, memory);
    }
    this.#session.run(feeds, fetches);
    // What was allocated for this run belongs to whoever reads it; holding on to it would keep it alive.
    for (const binding of this.#fetches) if (!place(binding.value)) binding.last = null;
    return allocated;
  }

  /** A run that leaves outputs on the device allocates all of them itself. */
  #runKeeping(feeds: OrtFeeds, data: Environment): void {
    const results = this.#session.run(feeds, Object.fromEntries(this.#fetches.map(({ name }) => [name, null])));
    for (const { name, value } of this.#fetches) {
      const result = results[name]!;
      data.set(
        value,
        this.#kept.has(value) ? new DeviceTensor(result, this.#device!.copies) : (result.data as NumericData),
      );
    }
  }

  dispose(): void {
    if (this.#profiled) this.#session.endProfiling();
    this.#session.dispose();
  }
}

/** Outputs that would best be written where a leaf lies, by their names in the graph. */
function wantedOverwrites(
  { inputs, outputs }: EnginePart,
  graph: OnnxGraph,
  constants: SessionSetup['constants'],
  replaces: SessionSetup['replaces'] = new Map(),
) {
  const fed = inputs.filter((input) => !constants.has(input));
  const nameOf = new Map(fed.map((value, i) => [value, graph.inputs[i]!.name]));
  return outputs.flatMap((value, i) => {
    const leaf = replaces.get(value);
    return leaf ? [{ input: nameOf.get(leaf), output: graph.outputs[i]!.name, value, leaf }] : [];
  });
}

/** @throws OrtError `memory` */
function memoryFor({ node, dtype, shape, size }: Value): NumericData {
  try {
    return allocate(dtype, size);
  } catch (cause) {
    throw outOfMemory(node?.op ?? 'output', `${dtype} [${shape}]`, cause);
  }
}

function bind(binding: Binding, data: Datum): OrtValue {
  if (data instanceof DeviceTensor) return data.value;
  if (binding.last?.data === data) return binding.last;
  binding.last = hostValue(onnxDtype(binding.value.dtype), data as NumericData, binding.value.shape);
  return binding.last;
}
