import type { Window } from '../../recorders/convolution.js';
import { allocate, type Node, type NumericData, sizeOf, type TensorData, type Value } from '../../value.js';
import { shares } from '../../window-shares.js';
import type { Picks } from '../wasm/philox-uniform.js';
import { adamW } from './adamw.js';
import type { HostKernel, HostTools } from './host-kernel.js';
import { type PlainTensor, runPortable } from './portable-kernels.js';
import { addRows } from './segment-sum.js';

/** Random numbers, which are written to `roomFor` them. */
export const DRAWN = ['PhiloxUniform', 'PhiloxMask'];

/** Attributes of an operation that draws. */
interface Drawn {
  site: number;
  threshold?: number;
  scale?: number;
  picks?: Picks;
}

/**
 * Random numbers, or dropout masks of them where the node has a threshold and a scale. They are drawn natively and fed:
 * they depend on nothing but the state.
 */
const philox: HostKernel = ([state], { outputs, attrs }, { philox: draw, roomFor }) => {
  const [seed, step, rowOffset] = state as Int32Array;
  const { shape } = outputs[0]!;
  const rows = shape[0] ?? 1;
  const out = roomFor?.(outputs[0]!) ?? new Float32Array(sizeOf(shape));
  const { site, threshold, scale, picks } = attrs as Node['attrs'] & Drawn;
  const mask = threshold !== undefined && scale !== undefined ? { threshold, scale } : undefined;
  if (out.length > 0) draw(out, rows, out.length / rows, seed!, step!, rowOffset!, site, { mask, picks });
  return [out];
};

/** In float64. */
function sumOfSquares(x: Float32Array): number {
  let sum = 0;
  for (const value of x) sum += value * value;
  return sum;
}

const sumsOfSquares: HostKernel = (inputs) => [Float32Array.from(inputs as Float32Array[], sumOfSquares)];

/**
 * tfjs-backend-cpu divides by the whole window also where part of it lies in the padding, unlike its own forward pass;
 * gradients are scaled so that the result is right.
 */
const avgPoolGrad: HostKernel = ([dy, input], node) => {
  const window = node.attrs.window as Window;
  const share = shares(window).map((part) => part * window.kernel[0] * window.kernel[1]);
  const [given, image] = node.inputs as [Value, Value];
  const channels = given.shape[3]!;
  const scaled = (dy as Float32Array).map((value, i) => value * share[Math.floor(i / channels) % share.length]!);
  const tensors = {
    dy: { data: scaled, shape: given.shape, dtype: given.dtype },
    input: { data: input!, shape: image.shape, dtype: image.dtype },
  };
  return [(runPortable('AvgPoolGrad', tensors, node.attrs).outputs[0] as PlainTensor).data];
};

const segmentSum: HostKernel = ([x, ids], { outputs }) => {
  const { shape, size, dtype } = outputs[0]!;
  const sums = allocate(dtype, size);
  addRows(sums, x as NumericData, ids as NumericData, shape[0]!);
  return [sums];
};

/** Operations of which tfjs has no kernel, or one that is slow or wrong. */
const HOST_KERNELS: Readonly<Record<string, HostKernel>> = {
  PhiloxUniform: philox,
  PhiloxMask: philox,
  AvgPoolGrad: avgPoolGrad,
  AdamW: adamW,
  SumsOfSquares: sumsOfSquares,
  UnsortedSegmentSum: segmentSum,
  Identity: ([x]) => [x!],
  Reshape: ([x]) => [x!],
  Fill: (_inputs, { outputs }) => fillOf(outputs[0]!),
  BroadcastTo: ([x], { inputs, outputs }) => {
    const [from, to] = [inputs[0]!.shape, outputs[0]!.shape];
    const padded = [...to.slice(from.length).map(() => 1), ...from];
    const reps = to.map((dimension, i) => dimension / padded[i]!);
    const tile = runPortable('Tile', { x: { data: x!, shape: padded, dtype: outputs[0]!.dtype } }, { reps });
    return [(tile.outputs[0] as PlainTensor).data];
  },
};

function fillOf(output: Value & { node: Node | null }): TensorData[] {
  const { shape, dtype } = output;
  const data: NumericData = allocate(dtype, sizeOf(shape));
  return [data.fill(output.node!.attrs.value as number)];
}

/** Runs any node in JavaScript: by a host kernel, or by tfjs-backend-cpu's. */
export function runOnHost(node: Node, inputs: readonly TensorData[], tools: HostTools): TensorData[] {
  const host = tools.kernels?.[node.op] ?? HOST_KERNELS[node.op];
  if (host) return host(inputs, node, tools);
  const tensors = node.inputs.map(({ shape, dtype }, i) => ({ data: inputs[i]!, shape, dtype }));
  const isList = node.inputNames[0] === '0';
  const named = isList ? tensors : Object.fromEntries(node.inputNames.map((name, i) => [name, tensors[i]!]));
  return runPortable(node.op, named, node.attrs).outputs.map((result) => (result as PlainTensor).data);
}
