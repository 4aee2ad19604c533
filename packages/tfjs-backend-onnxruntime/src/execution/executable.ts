import type { NumericData, Program, Value } from '@diptych/graph';
import { DRAWN, type HostPart, type HostTools, type Part, runOnHost } from '@diptych/graph/engine';
import type { OrtSessionOptions } from '../ort/index.js';
import { type Datum, inMemory } from './device-tensor.js';
import { type Environment, partsFor } from './plan.js';
import { RunnableSession, type SessionSetup } from './session-part.js';
import type { Target } from './target.js';

/** A host operation that something else takes care of: an update in place. */
export type HostOverride = (data: Environment) => void;

/** How an executable is built. */
export interface ExecutableOptions {
  session: OrtSessionOptions;
  target: Target;
  /** Which outputs stay on the device, for targets that keep state there. */
  device?: SessionSetup['device'];
  /** Outputs that would best be written where one of the program's leaves lies, with that leaf. */
  replaces?: ReadonlyMap<Value, Value>;
  /** Data of leaves that go into the graph as weights; undefined for those that are fed. */
  bakes?: (leaf: Value) => NumericData | undefined;
}

/** A program that is ready to run: sessions and host operations in order. */
export class Executable {
  readonly program: Program;
  /** Bytes of all models, and of random numbers. */
  readonly bytes: number;
  readonly #parts: readonly Part[];
  readonly #steps: (RunnableSession | HostPart)[] = [];
  /** Set by the compiled function for operations that it runs itself. */
  readonly overrides = new Map<HostPart['node'], HostOverride>();
  /** Memory that outputs of sessions are to be written to. */
  readonly placements = new Map<Value, NumericData>();
  /** Bytes of outputs of sessions for which the last run allocated memory. */
  allocatedBytes = 0;
  /** Memory for random numbers that only sessions read: drawn anew at each run. */
  readonly #drawn = new Map<Value, Float32Array>();

  /** @param program already optimized */
  constructor(program: Program, options: ExecutableOptions) {
    this.program = program;
    const baked = new Map<Value, NumericData>();
    for (const leaf of program.inputs) {
      const data = options.bakes?.(leaf);
      if (data) baked.set(leaf, data);
    }
    this.#parts = partsFor(program, options.target);
    const { session, target, device, replaces } = options;
    const setup = { options: session, target, device, replaces, constants: baked };
    try {
      for (const part of this.#parts) {
        this.#steps.push(part.kind === 'host' ? part : new RunnableSession(part, setup));
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
    for (const { op, outputs } of this.hostNodes) {
      if (DRAWN.includes(op) && this.#isSessions(outputs[0]!))
        this.#drawn.set(outputs[0]!, new Float32Array(outputs[0]!.size));
    }
    this.bytes = this.#steps.reduce((sum, step) => sum + (step instanceof RunnableSession ? step.bytes : 0), 0);
    for (const { byteLength } of this.#drawn.values()) this.bytes += byteLength;
  }

  /** True if neither the caller nor a host operation, which might hand it on, reads the value. */
  #isSessions(value: Value): boolean {
    return !this.program.outputs.includes(value) && this.hostNodes.every(({ inputs }) => !inputs.includes(value));
  }

  /** ONNX operators in all sessions. */
  get nodeCount(): number {
    return this.#steps.reduce((sum, step) => sum + (step instanceof RunnableSession ? step.nodeCount : 0), 0);
  }

  /** Host operations, in order. */
  get hostNodes(): HostPart['node'][] {
    return this.#steps.flatMap((step) => (step instanceof RunnableSession ? [] : [step.node]));
  }

  /** True if any of `values` is read by what runs after `node`. */
  readsAfter(node: HostPart['node'], values: ReadonlySet<Value>): boolean {
    const at = this.#parts.findIndex((part) => part.kind === 'host' && part.node === node);
    return this.#readsFrom(at + 1, values);
  }

  /** Outputs of sessions that can be written where a leaf lies: nothing reads the leaf afterwards. */
  get overwrites(): ReadonlyMap<Value, Value> {
    return new Map(
      this.#steps.flatMap((step, at) =>
        step instanceof RunnableSession
          ? [...step.overwrites].filter(([, leaf]) => !this.#readsFrom(at + 1, new Set([leaf])))
          : [],
      ),
    );
  }

  #readsFrom(start: number, values: ReadonlySet<Value>): boolean {
    return this.#parts
      .slice(start)
      .some((part) => (part.kind === 'host' ? part.node.inputs : part.inputs).some((input) => values.has(input)));
  }

  /** Runs; `leafData` has the data of every input of the program. */
  run(leafData: (leaf: Value) => Datum, tools: HostTools): Environment {
    const data: Environment = new Map();
    this.allocatedBytes = 0;
    for (const leaf of this.program.inputs) data.set(leaf, leafData(leaf));
    const place = (value: Value) => this.placements.get(value);
    const toolsHere = { ...tools, roomFor: (value: Value) => this.#drawn.get(value) };
    for (const step of this.#steps) {
      if (step instanceof RunnableSession) {
        this.allocatedBytes += step.run(data, place);
        continue;
      }
      const override = this.overrides.get(step.node);
      if (override) {
        override(data);
        continue;
      }
      const results = runOnHost(
        step.node,
        step.node.inputs.map((input) => inMemory(data.get(input)!)),
        toolsHere,
      );
      step.node.outputs.forEach((output, i) => {
        data.set(output, results[i]!);
      });
    }
    return data;
  }

  dispose(): void {
    for (const step of this.#steps) if (step instanceof RunnableSession) step.dispose();
    this.#steps.length = 0;
  }
}
