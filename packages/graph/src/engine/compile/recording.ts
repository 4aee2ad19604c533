import { EngineError } from '@diptych/core';
import { registeredVariables, tidyNested } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { fingerprint, hashData } from '../../fingerprint.js';
import { extractProgram, type Program } from '../../program.js';
import type { Entry, RecordingBackend } from '../../recording-backend.js';
import { type NumericData, type TensorData, Value } from '../../value.js';
import { flatten, type Nested, replaceTensors } from './structure.js';
import type { TensorStore } from './tensor-store.js';
import { separateVariable } from './variables.js';

/** What a trace needs beside. */
export type TraceServices = TensorStore &
  Pick<RecordingBackend, 'label' | 'flush' | 'incRef' | 'placeholder' | 'graphValue' | 'recordWhile'>;

/** A variable whose value the function replaces. */
export interface Assignment {
  variable: tf.Variable;
  value: Value;
}

/** What one trace of a function found. */
export interface Trace {
  /** Computes the returned tensors, then the assigned values. */
  program: Program;
  /** Leaves that stand for arguments -> position among the argument tensors. */
  argumentOf: ReadonlyMap<Value, number>;
  /** Leaves that stand for variables. */
  variableOf: ReadonlyMap<Value, tf.Variable>;
  /** What the function returned, with the traced tensors still in place of results. */
  result: Nested;
  /** Number of returned tensors: the first outputs of the program. */
  returned: number;
  assignments: readonly Assignment[];
  /** True if the function computes gradients. */
  gradients: boolean;
  /** Text that is equal for traces that can share an executable. */
  key: string;
}

/**
 * Calls `fn` once with stand-ins for its tensors and notes what it computes. Variables are left as they were, also
 * when `fn` throws half way: what it assigned is undone.
 *
 * @throws EngineError when `fn` reads a value, returns a promise or disposes a variable; ConfigError for a result
 *   that is no tensor or plain container; whatever `fn` throws
 */
export function traceFunction(services: TraceServices, fn: (...args: never[]) => unknown, args: unknown[]): Trace {
  services.flush();
  const before = registeredVariables();
  const saved = before.map((variable) => save(services, variable));
  const variableOf = new Map(before.map((variable, i) => [saved[i]!.standIn, variable]));
  const argumentOf = new Map<Value, number>();
  const standIns: tf.Tensor[] = [];
  const traceArgs = replaceTensors(args, ({ shape, dtype }, index) => {
    const info = services.placeholder(shape, dtype);
    argumentOf.set(services.graphValue(info), index);
    const standIn = services.makeTensor(info);
    standIns.push(standIn);
    return standIn;
  }) as never[];
  const known = new Set([...argumentOf.keys(), ...variableOf.keys()]);
  let result: Nested;
  let traced: tf.Tensor[] = [];
  try {
    const { result: found, gradients } = services.recordWhile(known, () => {
      result = tidyNested(() => fn(...traceArgs));
      refusePromise(services, result);
      traced = flatten(result, 'compile: result').tensors;
      const assignments = findAssignments(services, before, saved);
      const outputs = [
        ...traced.map((tensor) => services.graphValue(tensor)),
        ...assignments.map(({ value }) => value),
      ];
      const program = extractProgram(outputs);
      const key = traceKey(program, argumentOf, variableOf, assignments, result);
      return { program, argumentOf, variableOf, result, returned: traced.length, assignments, key };
    });
    return { ...found, gradients };
  } finally {
    for (const tensor of [...traced, ...standIns]) if (!tensor.isDisposed) tensor.dispose();
    before.forEach((variable, i) => {
      restore(variable, saved[i]!);
    });
  }
}

/** A variable at the start: its data, kept alive so that it can be restored, and what stands for it meanwhile. */
interface SavedVariable {
  tensor: tf.Tensor;
  entry: Entry;
  value: Value;
  /** A leaf without data: the program outlives the trace, and must not keep the variable's first values alive. */
  standIn: Value;
}

function save(services: TraceServices, variable: tf.Variable): SavedVariable {
  // A clone that the function reads besides has to be itself, not the variable.
  separateVariable(services, variable);
  services.incRef(variable.dataId);
  const info = { dataId: variable.dataId, shape: variable.shape, dtype: variable.dtype };
  const tensor = services.makeTensor(info);
  tf.keep(tensor);
  const entry = services.entryOf(variable.dataId);
  const standIn = new Value(variable.shape, variable.dtype);
  const { value } = entry;
  entry.value = standIn;
  return { tensor, entry, value, standIn };
}

function restore(variable: tf.Variable, { tensor, entry, value }: SavedVariable): void {
  entry.value = value;
  if (!variable.isDisposed && variable.dataId !== tensor.dataId) variable.assign(tensor);
  tensor.dispose();
}

function refusePromise({ label }: TraceServices, result: unknown): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => {});
  throw new EngineError({
    where: `${label}.compile`,
    expected: 'a function that returns tensors',
    got: 'one that returns a promise',
    remedy: 'await outside of the compiled function',
  });
}

function findAssignments(services: TraceServices, before: tf.Variable[], saved: SavedVariable[]): Assignment[] {
  const assigned = before.filter((variable, i) => {
    if (variable.isDisposed) {
      throw new EngineError({
        where: `${services.label}.compile`,
        problem: `variable '${variable.name}' was disposed inside the compiled function`,
        remedy: 'dispose variables outside',
      });
    }
    return variable.dataId !== saved[i]!.tensor.dataId;
  });
  const known = new Set(before);
  const created = registeredVariables().filter((variable) => !known.has(variable));
  return [...assigned, ...created]
    .map((variable) => ({ variable, value: services.graphValue(variable) }))
    .sort((a, b) => recordedAt(a.value) - recordedAt(b.value));
}

/**
 * A program computes its results in their order. In the order of recording, what updates one parameter and its state stands together,
 * and its intermediate values are gone before the next one's come.
 */
function recordedAt({ node }: Value): number {
  return node?.number ?? -1;
}

/** Arguments by position, variables by identity and trainability, constants by content. */
function traceKey(
  program: Program,
  argumentOf: ReadonlyMap<Value, number>,
  variableOf: ReadonlyMap<Value, tf.Variable>,
  assignments: readonly Assignment[],
  result: Nested,
): string {
  const structure = fingerprint(program, (leaf) => {
    const argument = argumentOf.get(leaf);
    if (argument !== undefined) return `A${argument}`;
    const variable = variableOf.get(leaf);
    return variable ? `V${variable.id}${variable.trainable}` : `C${describeConstant(leaf.data!)}`;
  });
  return `${structure}|${assignments.map(({ variable }) => variable.id)}|${flatten(result, 'compile: result').key}`;
}

function describeConstant(data: TensorData): string {
  if (Array.isArray(data)) return JSON.stringify(data);
  return data.length <= 16 ? data.join() : `#${hashData(data as NumericData)}`;
}
