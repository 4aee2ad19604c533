import {
  allocate,
  type Node,
  type NumericData,
  sizeOf,
  type TensorData,
  type Value,
  type Window,
} from '@diptych/graph';
import { shares } from '../lowering/pooling.js';
import type { PhiloxUniform, Picks } from '../wasm/philox-uniform.js';
import { type PlainTensor, runPortable } from './portable-kernels.js';
import { addRows } from './segment-sum.js';

/** Computes a node's outputs outside ONNX Runtime. */
export type HostKernel = (inputs: readonly TensorData[], node: Node, tools: HostTools) => TensorData[];

/** What host kernels share; belongs to a backend. */
export interface HostTools {
  philox: PhiloxUniform;
  /** Memory of an earlier run for random numbers, overwritten; new where there is none. */
  roomFor?: (value: Value) => Float32Array | undefined;
}

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
  const { site, threshold, scale, picks } = attrs as unknown as Drawn;
  const mask = threshold !== undefined && scale !== undefined ? { threshold, scale } : undefined;
  if (out.length > 0) draw(out, rows, out.length / rows, seed!, step!, rowOffset!, site, { mask, picks });
  return [out];
};

/** AdamW on plain arrays, for programs that are not compiled: the same arithmetic as the WASM kernel, in float64. */
const fusedAdamW: HostKernel = ([hyper, ...rest], { attrs }) => {
  const { count, beta1, beta2, eps } = attrs as Record<string, number>;
  const part = (index: number) => rest.slice(index * count!, (index + 1) * count!) as Float32Array[];
  const [parameters, gradients, firsts, seconds] = [part(0), part(1), part(2), part(3)];
  const squares = gradients.map(sumOfSquares);
  const norm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  const maxNorm = attrs.maxNorm as number | null;
  // As torch's GradScaler does: with clipping asked for, a norm that is not finite skips the update.
  if (maxNorm !== null && !Number.isFinite(norm))
    return [...parameters, ...firsts, ...seconds, Float32Array.from(squares)];
  const clip = maxNorm === null ? 1 : Math.min(1, maxNorm / (norm + 1e-6));
  const updated = parameters.map((p, i) => {
    const [rate, decay, k] = (hyper as Float32Array).subarray(i * 3, i * 3 + 3);
    const step = rate! / (1 - beta1! ** k!);
    const correction = 1 / Math.sqrt(1 - beta2! ** k!);
    const out = { p: new Float32Array(p.length), m: new Float32Array(p.length), v: new Float32Array(p.length) };
    for (let j = 0; j < p.length; j++) {
      const g = gradients[i]![j]! * clip;
      const m = beta1! * firsts[i]![j]! + (1 - beta1!) * g;
      const v = beta2! * seconds[i]![j]! + (1 - beta2!) * g * g;
      out.m[j] = m;
      out.v[j] = v;
      out.p[j] = p[j]! * (1 - rate! * decay!) - (step * m) / (Math.sqrt(v) * correction + eps!);
    }
    return out;
  });
  return [
    ...updated.map(({ p }) => p),
    ...updated.map(({ m }) => m),
    ...updated.map(({ v }) => v),
    Float32Array.from(squares),
  ];
};

function sumOfSquares(x: Float32Array): number {
  let sum = 0;
  for (const value of x) sum += value * value;
  return sum;
}

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

/** Operations that run here although ONNX might express them, or because tfjs has no kernel of the name. */
export const HOST_KERNELS: Readonly<Record<string, HostKernel>> = {
  PhiloxUniform: philox,
  PhiloxMask: philox,
  AvgPoolGrad: avgPoolGrad,
  FusedAdamW: fusedAdamW,
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

/** Runs any node outside ONNX Runtime: by a host kernel, or by tfjs-backend-cpu's. */
export function runOnHost(node: Node, inputs: readonly TensorData[], tools: HostTools): TensorData[] {
  const host = HOST_KERNELS[node.op];
  if (host) return host(inputs, node, tools);
  const tensors = node.inputs.map(({ shape, dtype }, i) => ({ data: inputs[i]!, shape, dtype }));
  const isList = node.inputNames[0] === '0';
  const named = isList ? tensors : Object.fromEntries(node.inputNames.map((name, i) => [name, tensors[i]!]));
  return runPortable(node.op, named, node.attrs).outputs.map((result) => (result as PlainTensor).data);
}
