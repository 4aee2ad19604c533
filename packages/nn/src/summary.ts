import { checkMethods, inference, parametersOf, type Stateful } from '@diptych/core';
import { tensorsIn } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { aroundCalls } from './around-calls.js';
import type { Module } from './module.js';

/** One module of a model, as {@link summary} saw it. */
export interface LayerSummary {
  /** Path in the model; empty for the model itself. */
  readonly path: string;
  /** Class name. */
  readonly type: string;
  /** Shapes of the tensors that the last call of the module gave; empty if it was never called. */
  readonly outputShapes: readonly (readonly number[])[];
  /** Entries of the parameters in this module and inside. */
  readonly parameters: number;
  /** Those of them that train. */
  readonly trainable: number;
  /** Floating-point operations of matrix products and convolutions in all its calls, two for a multiply-add. */
  readonly flops: number;
}

/** What {@link summary} gives; `String(summary)` is a table. */
export interface ModelSummary {
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
  readonly trainable: number;
  /** Memory of parameters and buffers. */
  readonly bytes: number;
  /** As in {@link LayerSummary}, for the whole call: the number that papers give, element-wise work left out. */
  readonly flops: number;
  toString(): string;
}

/** Number of entries in a part's parameters. */
export function parameterCount(part: Stateful, options: { readonly trainableOnly?: boolean } = {}): number {
  const counted = parametersOf(part).filter(([, { trainable }]) => trainable || !options.trainableOnly);
  return counted.reduce((sum, [, variable]) => sum + variable.size, 0);
}

/**
 * Runs a model once in inference and tells what its layers are, what they give and what they cost.
 *
 * @param model a module with `encode(input, context)` or `forward(input, context)`
 * @param input what that takes; or a function that calls the model in any other way
 */
export function summary(model: Module, input: unknown | (() => unknown)): ModelSummary {
  checkMethods('nn.summary', model, ['namedModules'], 'pass a Module of nn, and what its encode or forward takes');
  const modules = [...model.namedModules()];
  const shapes = new Map<Module, readonly (readonly number[])[]>();
  const flops = new Map<Module, number>();
  const running: Module[] = [];
  let total = 0;
  const restore = [
    ...modules.map(([, module]) => watchCalls(module, running, shapes)),
    watchKernels((work) => {
      total += work;
      for (const module of new Set(running)) flops.set(module, (flops.get(module) ?? 0) + work);
    }),
  ];
  try {
    tf.tidy(() => {
      call(model, input);
    });
  } finally {
    for (const undo of restore) undo();
  }
  const layers = modules.map(([path, module]) => ({
    path,
    type: module.constructor.name,
    outputShapes: shapes.get(module) ?? [],
    parameters: parameterCount(module),
    trainable: parameterCount(module, { trainableOnly: true }),
    flops: flops.get(module) ?? 0,
  }));
  const variables = [...model.namedParameters(), ...model.namedBuffers()].map(([, variable]) => variable);
  const result = {
    layers,
    parameters: parameterCount(model),
    trainable: parameterCount(model, { trainableOnly: true }),
    bytes: variables.reduce((sum, { size, dtype }) => sum + size * tf.util.bytesPerElement(dtype), 0),
    flops: total,
  };
  return { ...result, toString: () => table(result) };
}

type Callable = { encode?(input: unknown, context: unknown): unknown; forward?(...args: unknown[]): unknown };

function call(model: Module, input: unknown): void {
  if (typeof input === 'function') input();
  else if ('encode' in model) (model as Callable).encode!(input, inference);
  else (model as Callable).forward!(input, inference);
}

/** Notes, until it is undone, when `encode` or `forward` of a module runs and what it gives. */
function watchCalls(
  module: Module,
  running: Module[],
  shapes: Map<Module, readonly (readonly number[])[]>,
): () => void {
  const undo = (['encode', 'forward'] as const).map((name) =>
    aroundCalls(module, name, (method, args) => {
      running.push(module);
      try {
        const output = method(...args);
        const tensors = tensorsIn(output);
        shapes.set(
          module,
          tensors.map(({ shape }) => shape),
        );
        return output;
      } finally {
        running.pop();
      }
    }),
  );
  return () => {
    for (const one of undo) one();
  };
}

/**
 * Reports the work of each kernel until it is undone. tf.profile would do the same, but only asynchronously, and by
 * reading every result.
 */
function watchKernels(report: (flops: number) => void): () => void {
  const engine = tf.engine();
  const runKernel = engine.runKernel;
  engine.runKernel = ((name: string, inputs: tf.NamedTensorMap, attributes?: tf.NamedAttrMap) => {
    const output = runKernel.call(engine, name, inputs, attributes);
    const work = FLOPS[name];
    // runKernel may give a list; the kernels of FLOPS give one tensor
    if (work) report(work(inputs, output as unknown as tf.Tensor, (attributes ?? {}) as Record<string, unknown>));
    return output;
  }) as typeof runKernel;
  return () => {
    engine.runKernel = runKernel;
  };
}

/** Two operations for each multiply-add. */
const FLOPS: Readonly<
  Record<string, (inputs: tf.NamedTensorMap, output: tf.Tensor, attributes: Record<string, unknown>) => number>
> = {
  BatchMatMul: matMulFlops,
  _FusedMatMul: matMulFlops,
  Conv2D: convFlops,
  FusedConv2D: convFlops,
  DepthwiseConv2dNative: (inputs, output) => 2 * output.size * inputs.filter!.shape[0]! * inputs.filter!.shape[1]!,
};

function matMulFlops(inputs: tf.NamedTensorMap, output: tf.Tensor, attributes: Record<string, unknown>): number {
  const { a } = inputs;
  return 2 * output.size * a!.shape.at(attributes.transposeA ? -2 : -1)!;
}

function convFlops(inputs: tf.NamedTensorMap, output: tf.Tensor): number {
  const [height, width, inChannels] = inputs.filter!.shape;
  return 2 * output.size * height! * width! * inChannels!;
}

function table({ layers, parameters, trainable, bytes, flops }: Omit<ModelSummary, 'toString'>): string {
  const rows = layers.map((layer) => [
    layer.path || '(model)',
    layer.type,
    layer.outputShapes.map((shape) => `[${shape}]`).join(' '),
    layer.parameters.toLocaleString('en'),
    layer.flops > 0 ? scaled(layer.flops, 1000, 'FLOP') : '',
  ]);
  const all = [['layer', 'type', 'output', 'parameters', 'work'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd();
  const totals = [
    `${parameters.toLocaleString('en')} parameters, ${trainable.toLocaleString('en')} of them train`,
    scaled(bytes, 1024, 'B'),
    scaled(flops, 1000, 'FLOP'),
  ];
  return [...all.map(line), totals.join('; ')].join('\n');
}

/** `1.23 GFLOP`, `12.0 MiB`: three digits and a prefix. */
function scaled(value: number, base: 1000 | 1024, unit: string): string {
  const power = value < base ? 0 : Math.min(Math.floor(Math.log(value) / Math.log(base)), 4);
  const prefix = ['', 'k', 'M', 'G', 'T'][power]!;
  const binary = base === 1024 && power > 0 ? 'i' : '';
  return `${Number((value / base ** power).toPrecision(3))} ${prefix}${binary}${unit}`;
}
