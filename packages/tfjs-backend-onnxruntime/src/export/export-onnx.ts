import {
  ConfigError,
  checkFunction,
  checkList,
  checkMethods,
  checkOptions,
  EngineError,
  type OptionNames,
} from '@diptych/core';
import type { NumericData, Program, Value } from '@diptych/graph';
import { flatten, replaceTensors, traceFunction } from '@diptych/graph/engine';
import * as tf from '@tensorflow/tfjs-core';
import type { OnnxRuntimeBackend } from '../backend.js';
import { fuseForInference, optimize } from '../execution/passes.js';
import { partsFor } from '../execution/plan.js';
import { lowerPart } from '../execution/session-part.js';
import { PORTABLE } from '../execution/target.js';
import { onnxDtype } from '../lowering/emitter.js';
import { ONNX_DTYPES, type OnnxGraph, type SaveModelOptions, saveModel, writeModel } from '../onnx/index.js';
import { withDynamicAxes } from './dynamic-axes.js';
import { quantizeWeights } from './quantize-weights.js';
import type { DynamicAxis } from './size-nodes.js';

/** How {@link exportOnnx} names and sizes what goes in and out. */
export interface ExportOnnxOptions {
  /** Names of the argument tensors, in order; `input_0`, … by default. */
  inputNames?: readonly string[];
  /** Names of the returned tensors, in order; `output_0`, … by default. */
  outputNames?: readonly string[];
  /** Axes whose size may differ from the example's: `{ pixels: { 0: 'batch' } }`. Axes of one name have one size. */
  dynamicAxes?: Readonly<Record<string, Readonly<Record<number, string>>>>;
  /** Inputs that the model takes as int64, as tokenizers of other runtimes give ids; they are int32 here. */
  int64Inputs?: readonly string[];
  /**
   * `int8`: matrices of weights take a quarter of the room, and products are computed with integers (dynamic quantisation). How much that costs
   * depends on the model: measure it. Default `float32`.
   */
  weights?: 'float32' | 'int8';
}

const OPTIONS: OptionNames<ExportOnnxOptions> = {
  inputNames: 'optional',
  outputNames: 'optional',
  dynamicAxes: 'optional',
  int64Inputs: 'optional',
  weights: 'optional',
};

/** A function as an ONNX model. */
export interface ExportedModel {
  readonly graph: OnnxGraph;
  /** The bytes of a ModelProto. @throws EngineError above 2 GB of weights: then `save` */
  toBytes(): Uint8Array<ArrayBuffer>;
  /** Writes the model, with weights in `<path>.data` above 2 GB. Returns the files written. */
  save(path: string, options?: SaveModelOptions): Promise<string[]>;
}

/**
 * Records `fn` on example arguments and gives it as an ONNX model with the variables' present values as weights. It uses
 * operators of ONNX alone, so that any runtime can load it.
 *
 * Sizes are those of the examples unless `dynamicAxes` names them. Such an axis may have any size in the model, whatever it is
 * in the example: the function is recorded at a few sizes around it, and what differs in between (shapes, `1 / batch`, the
 * length of a range) is computed from the inputs' shapes in the graph.
 *
 * @param examples arguments of `fn`, nested as `compile` takes them
 * @throws ConfigError for names that do not fit; EngineError when `fn` reads a value, assigns variables, draws random
 *   numbers or uses a kernel without an ONNX form
 */
export function exportOnnx<Args extends unknown[]>(
  fn: (...args: Args) => unknown,
  examples: Args,
  options: ExportOnnxOptions = {},
): ExportedModel {
  const where = 'exportOnnx';
  checkFunction(where, 'what is exported', fn);
  checkList(where, 'the example arguments', examples);
  checkOptions(where, options, OPTIONS);
  const backend = tf.backend() as OnnxRuntimeBackend;
  checkMethods(where, backend, ['flush', 'record'], "tf.setBackend('onnxruntime') first: it records what is exported");
  const { tensors } = flatten(examples, 'exportOnnx: examples');
  const inputNames = options.inputNames ?? tensors.map((_, i) => `input_${i}`);
  if (inputNames.length !== tensors.length || new Set(inputNames).size !== inputNames.length) {
    throw new ConfigError({
      where: 'exportOnnx.inputNames',
      expected: `${tensors.length} different names`,
      got: JSON.stringify(inputNames),
    });
  }
  const { int64Inputs = [], weights = 'float32' } = options;
  if (weights !== 'float32' && weights !== 'int8') {
    throw new ConfigError({ where: 'exportOnnx.weights', expected: 'float32 or int8', got: String(weights) });
  }
  for (const name of int64Inputs) {
    const tensor = tensors[inputNames.indexOf(name)];
    if (tensor?.dtype === 'int32') continue;
    const got = tensor ? `'${name}', which is ${tensor.dtype}` : `'${name}'`;
    throw new ConfigError({ where: 'exportOnnx.int64Inputs', expected: 'names of int32 inputs', got });
  }
  const axes = dynamicAxesOf(options.dynamicAxes ?? {}, inputNames, tensors);
  const lower = (shapes: readonly (readonly number[])[]) => {
    const replaced = replaceTensors(examples, ({ dtype }, i) => tf.zeros(shapes[i] as number[], dtype)) as Args;
    try {
      return lowerFunction(backend, fn, replaced, inputNames, options.outputNames);
    } finally {
      tf.dispose(flatten(replaced, 'exportOnnx: examples').tensors);
    }
  };
  const shapes = tensors.map(({ shape }) => shape);
  const exact = withInt64Inputs(withDynamicAxes(axes, shapes, lower), int64Inputs);
  const graph = weights === 'int8' ? quantizeWeights(exact) : exact;
  return {
    graph,
    toBytes: () => writeModel(graph),
    save: (path, saveOptions) => saveModel(path, graph, saveOptions),
  };
}

/** The ONNX graph of `fn` at the sizes of `args`. */
function lowerFunction(
  backend: OnnxRuntimeBackend,
  fn: (...args: never[]) => unknown,
  args: unknown[],
  inputNames: readonly string[],
  outputNames: readonly string[] | undefined,
): OnnxGraph {
  const trace = traceFunction(backend, fn, args);
  if (trace.assignments.length > 0) {
    throw new EngineError({
      where: 'exportOnnx',
      problem: `the function assigns variable '${trace.assignments[0]!.variable.name}', and a model has no state`,
      remedy: 'export the function in inference mode',
    });
  }
  const { argumentOf, variableOf } = trace;
  const isConstant = (leaf: Value) => !argumentOf.has(leaf) && !variableOf.has(leaf);
  const program = fuseForInference(optimize(trace.program, isConstant));
  const graph = lowerWhole(program, (leaf) => {
    const variable = variableOf.get(leaf);
    if (variable) return backend.inPlace.lasting(backend.dataOf(variable)) as NumericData;
    return argumentOf.has(leaf) ? undefined : (leaf.data as NumericData);
  });
  const names = outputNames ?? program.outputs.map((_, i) => `output_${i}`);
  if (names.length !== program.outputs.length) {
    throw new ConfigError({
      where: 'exportOnnx.outputNames',
      expected: `${program.outputs.length} names`,
      got: JSON.stringify(names),
    });
  }
  const fed = program.inputs.filter((leaf) => argumentOf.has(leaf));
  const renamed = new Map(graph.inputs.map(({ name }, i) => [name, inputNames[argumentOf.get(fed[i]!)!]!]));
  // A returned tensor that is returned twice is one output of the session, and two of the model.
  const distinct = [...new Set(program.outputs)];
  const outputOf = new Map(distinct.map((value, i) => [value, graph.outputs[i]!]));
  const rename = (name: string) => renamed.get(name) ?? name;
  const nodes = graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename) }));
  const outputs = program.outputs.map((value, i) => ({ ...outputOf.get(value)!, name: names[i]! }));
  for (const [i, value] of program.outputs.entries()) {
    const source = rename(outputOf.get(value)!.name);
    nodes.push({ opType: 'Identity', inputs: [source], outputs: [names[i]!], attributes: {}, name: `output_${i}` });
  }
  // What the function does not read is an input all the same: whoever feeds the model feeds all that it was told of.
  const read = new Map(graph.inputs.map((info) => [rename(info.name), info]));
  const inputs = flatten(args, 'exportOnnx: examples').tensors.map(({ dtype, shape }, i) => {
    const name = inputNames[i]!;
    return { ...(read.get(name) ?? { dtype: onnxDtype(dtype), shape }), name };
  });
  checkNames(inputs.map(({ name }) => name), names, graph); // biome-ignore format: one call
  return { ...graph, nodes, inputs, outputs };
}

/** ONNX has one space of names for inputs, outputs, constants and everything in between. */
function checkNames(inputs: readonly string[], outputs: readonly string[], graph: OnnxGraph): void {
  const taken = new Set([
    ...graph.initializers.map(({ name }) => name),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  for (const [i, name] of [...inputs, ...outputs].entries()) {
    const isTwice = [...inputs, ...outputs].indexOf(name) !== i;
    if (!isTwice && !taken.has(name) && !name.startsWith('size_')) continue;
    throw new ConfigError({
      where: 'exportOnnx',
      expected: 'names that differ from each other and from those inside the graph (v0, c0, size_…)',
      got: `'${name}'${isTwice ? ' twice' : ''}`,
      remedy: 'name inputs and outputs by what they are: pixels, input_ids, embedding',
    });
  }
}

/** The graph with inputs in int64, which are cast to what it computes with. */
function withInt64Inputs(graph: OnnxGraph, names: readonly string[]): OnnxGraph {
  if (names.length === 0) return graph;
  const isWide = (name: string) => names.includes(name);
  const narrow = (name: string) => `${name}/int32`;
  const casts = names.map((name) => ({
    opType: 'Cast',
    inputs: [name],
    outputs: [narrow(name)],
    attributes: { to: ONNX_DTYPES.int32.code },
  }));
  const nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: node.opType === 'Shape' ? node.inputs : node.inputs.map((name) => (isWide(name) ? narrow(name) : name)),
  }));
  const inputs = graph.inputs.map((info) => (isWide(info.name) ? { ...info, dtype: 'int64' as const } : info));
  return { ...graph, nodes: [...casts, ...nodes], inputs };
}

/** One graph for the whole program: nothing of it may need the host. */
function lowerWhole(program: Program, constant: (leaf: Value) => NumericData | undefined): OnnxGraph {
  const host = partsFor(program, PORTABLE).find((part) => part.kind === 'host');
  if (host?.kind === 'host') {
    throw new EngineError({
      where: 'exportOnnx',
      problem: `${host.node.op} has no ONNX form here`,
      remedy: 'export the function in inference mode, and leave this part out of it',
    });
  }
  const constants = new Map<Value, NumericData>();
  for (const leaf of program.inputs) {
    const data = constant(leaf);
    if (data) constants.set(leaf, data);
  }
  const outputs = [...new Set(program.outputs)];
  const part = { kind: 'engine' as const, inputs: [...program.inputs], nodes: [...program.nodes], outputs };
  return lowerPart(part, constants, PORTABLE);
}

function dynamicAxesOf(
  named: NonNullable<ExportOnnxOptions['dynamicAxes']>,
  inputNames: readonly string[],
  tensors: readonly tf.Tensor[],
): DynamicAxis[] {
  const bySymbol = new Map<string, DynamicAxis>();
  for (const [input, axes] of Object.entries(named)) {
    const index = inputNames.indexOf(input);
    for (const [key, symbol] of Object.entries(axes)) {
      const axis = Number(key);
      const size = tensors[index]?.shape[axis];
      const known = bySymbol.get(symbol);
      if (size === undefined || (known && known.size !== size)) {
        throw new ConfigError({
          where: `exportOnnx.dynamicAxes.${input}`,
          expected: known ? `size ${known.size}, as other axes named '${symbol}' have` : 'an input and an axis of it',
          got: size === undefined ? `axis ${key}` : `size ${size}`,
        });
      }
      const place = { input, index, axis };
      if (known) known.places.push(place);
      else bySymbol.set(symbol, { symbol, size, places: [place] });
    }
  }
  return [...bySymbol.values()];
}
