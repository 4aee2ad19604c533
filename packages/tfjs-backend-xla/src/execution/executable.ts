import { bytesOf, type Node, type NumericData, type Program, peakBytes, Value } from '@diptych/graph';
import { type EnginePart, type HostTools, type Part, partition, runOnHost } from '@diptych/graph/engine';
import type { LoadedExecutable } from '@diptych/pjrt';
import type { DeviceArray } from '../device/device-array.js';
import { sharing, type XlaDevice } from '../device/xla-device.js';
import { canLower, lowerProgram } from '../lowering/index.js';
import type { XlaPrecision } from '../options.js';

/** How an executable is built. */
export interface ExecutableOptions {
  readonly precision: XlaPrecision;
  /** Outputs that are written where one of the program's leaves lies, with that leaf, whose elements are gone then. */
  readonly replaces?: ReadonlyMap<Value, Value>;
  /** The module's name in profiles. */
  readonly name?: string;
}

/** Operations that XLA runs as one program. */
interface DevicePart {
  readonly kind: 'device';
  readonly loaded: LoadedExecutable;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Positions of inputs that are donated. */
  readonly donated: readonly number[];
}

type Step = DevicePart | Extract<Part, { kind: 'host' }>;

/** A program that is ready to run: programs of XLA, and operations between them that JavaScript runs. */
export class Executable {
  readonly program: Program;
  /** Estimate of what a run takes on the device. */
  readonly bytes: number;
  readonly #device: XlaDevice;
  readonly #steps: readonly Step[];

  /**
   * @param program already optimized
   * @throws PjrtError what XLA's compiler says
   */
  constructor(program: Program, device: XlaDevice, options: ExecutableOptions) {
    this.program = program;
    this.#device = device;
    const parts = partition(program, (node) => !isRunnable(node));
    const steps: Step[] = [];
    try {
      for (const [at, part] of parts.entries()) {
        steps.push(part.kind === 'host' ? part : compilePart(part, parts.slice(at + 1), device, options));
      }
    } catch (error) {
      for (const step of steps) if (step.kind === 'device') step.loaded.dispose();
      throw error;
    }
    this.#steps = steps;
    this.bytes = peakBytes(program);
  }

  /** Operations that JavaScript runs between programs, each of which the device has to be waited for. */
  get hostNodes(): Node[] {
    return this.#steps.flatMap((step) => (step.kind === 'host' ? [step.node] : []));
  }

  /**
   * Enqueues the program and returns at once, unless an operation in between has to see values.
   *
   * @param leafFor the leaf with elements that a leaf of the program stands for; one in memory has an array on the device afterwards
   * @returns for each output of the program a leaf of the caller's, on the device or in memory
   */
  run(leafFor: (leaf: Value) => Value, tools: HostTools): Value[] {
    const known = new Map<Value, Value>();
    const made = new Set<Value>();
    const keep = (value: Value, leaf: Value) => {
      known.set(value, leaf);
      made.add(leaf);
    };
    for (const leaf of this.program.inputs) known.set(leaf, leafFor(leaf));
    try {
      for (const step of this.#steps) {
        if (step.kind === 'device') this.#enqueue(step, known, keep);
        else this.#runOnHost(step.node, known, keep, tools);
      }
      return this.program.outputs.map((output) => {
        const leaf = known.get(output)!;
        // what was made here goes to the first who asks
        return made.delete(leaf) ? leaf : sharing(leaf);
      });
    } finally {
      for (const { device } of made) device?.dispose();
    }
  }

  #enqueue(part: DevicePart, known: ReadonlyMap<Value, Value>, keep: (value: Value, leaf: Value) => void): void {
    const arrays = part.inputs.map((input) => this.#device.arrayOf(known.get(input)!));
    // What somebody else holds, or the program reads twice, is copied this time.
    const isTwice = (array: DeviceArray) => arrays.indexOf(array) !== arrays.lastIndexOf(array);
    const kept = part.donated.filter((position) => arrays[position]!.isShared || isTwice(arrays[position]!));
    const buffers = part.loaded.execute(
      arrays.map(({ buffer }) => buffer),
      kept.length > 0 ? { keep: kept } : undefined,
    );
    part.outputs.forEach((output, i) => {
      keep(output, Value.onDevice(this.#device.own(buffers[i]!), output.shape, output.dtype));
    });
  }

  #runOnHost(
    node: Node,
    known: ReadonlyMap<Value, Value>,
    keep: (value: Value, leaf: Value) => void,
    tools: HostTools,
  ): void {
    const inputs = node.inputs.map((input) => known.get(input)!.data!);
    const results = runOnHost(node, inputs, tools);
    node.outputs.forEach((output, i) => {
      keep(output, Value.leaf(results[i] as NumericData, output.shape, output.dtype));
    });
  }

  dispose(): void {
    for (const step of this.#steps) if (step.kind === 'device') step.loaded.dispose();
  }
}

/** Empty tensors are left to the portable kernels, which cost nothing then. */
function isRunnable(node: Node): boolean {
  return canLower(node.op, node) && [...node.inputs, ...node.outputs].every(({ size }) => size > 0);
}

function compilePart(
  { inputs, nodes, outputs }: EnginePart,
  later: readonly Part[],
  device: XlaDevice,
  { precision, replaces, name }: ExecutableOptions,
): DevicePart {
  const aliases = new Map<number, number>();
  for (const [i, output] of outputs.entries()) {
    const leaf = replaces?.get(output);
    const position = leaf ? inputs.indexOf(leaf) : -1;
    if (position >= 0 && !later.some((part) => reads(part, leaf!))) aliases.set(position, i);
  }
  const { text, flags } = lowerProgram(
    { inputs, nodes, outputs },
    { precision, platform: device.platform, aliases, name },
  );
  const loaded = device.compile(text, flags);
  return { kind: 'device', loaded, inputs, outputs, donated: [...aliases.keys()] };
}

function reads(part: Part, leaf: Value): boolean {
  return (part.kind === 'host' ? part.node.inputs : part.inputs).includes(leaf);
}

/** What the arrays of a list of leaves take. */
export const bytesOfLeaves = (leaves: readonly Value[]) =>
  leaves.reduce((sum, { shape, dtype }) => sum + bytesOf(shape, dtype), 0);
