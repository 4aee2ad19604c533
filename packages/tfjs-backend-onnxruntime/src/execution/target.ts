import type { Node } from '@diptych/graph';
import { DRAWN } from '@diptych/graph/engine';
import { AdamWInGraph } from '../adamw/lowering.js';
import type { EmitterOptions, LoweringTable } from '../lowering/emitter.js';
import { LOWERINGS } from '../lowering/index.js';
import { WEBGPU_FORMS } from '../lowering/webgpu.js';
import { channelBlock, type OrtSessionOptions } from '../ort/index.js';
import { IN_PLACE_KERNELS } from './in-place-kernels.js';

/** What graphs are lowered for: all that differs between execution providers. */
export interface Target {
  readonly lowerings: LoweringTable;
  readonly emitter: EmitterOptions;
  /** Operations that run outside of sessions, whether they have an ONNX form or not. */
  readonly onHost: ReadonlySet<string>;
  /** True if variables stay on a device between runs. */
  readonly keepsState: boolean;
}

/** Any provider that computes in memory; operations with a kernel that updates in place run outside of the graph. */
const IN_MEMORY: Target = {
  lowerings: LOWERINGS,
  emitter: {},
  onHost: new Set([...DRAWN, ...Object.keys(IN_PLACE_KERNELS)]),
  keepsState: false,
};

const CPU: Target = { ...IN_MEMORY, emitter: { blockOf: channelBlock } };

/** Variables never leave the GPU, so that what updates them is part of the graph. */
const WEBGPU: Target = {
  lowerings: { ...LOWERINGS, ...WEBGPU_FORMS, AdamW: AdamWInGraph },
  emitter: { plainProducts: true },
  onHost: new Set(DRAWN),
  keepsState: true,
};

/** Other runtimes, which read exported models. */
export const PORTABLE: Target = { ...IN_MEMORY, emitter: { portable: true, plainProducts: true } };

/** The target of a list of execution providers; the first decides. */
export function targetOf(providers: OrtSessionOptions['executionProviders'] = ['cpu']): Target {
  const names = providers.map((provider) => (typeof provider === 'string' ? provider : provider.name));
  if (names[0] === 'webgpu') return WEBGPU;
  return names.every((name) => name === 'cpu') ? CPU : IN_MEMORY;
}

/**
 * The target in a session of those options. One that optimises everything chooses blocks of channels itself: with constant
 * filters it keeps images in them from one convolution to the next.
 */
export function asLaidOutBy({ graphOptimizationLevel }: OrtSessionOptions, target: Target): Target {
  return graphOptimizationLevel === 'all' && target === CPU ? IN_MEMORY : target;
}

/**
 * Providers as sessions get them. WebGPU computes channels first, as graphs are recorded: channels last, its default, 1.30.0's
 * convolutions are wrong for some numbers of channels, such as 6 in and 8 out (microsoft/onnxruntime#29651).
 */
export function providersOf(
  providers: OrtSessionOptions['executionProviders'],
): OrtSessionOptions['executionProviders'] {
  return providers?.map((provider) => (provider === 'webgpu' ? { name: 'webgpu', preferredLayout: 'NCHW' } : provider));
}

/** True if the node is no part of a session. */
export function runsOnHost({ lowerings, onHost }: Target, node: Node): boolean {
  return onHost.has(node.op) || !isLowerable(lowerings, node);
}

/** Cases in which an operation has no ONNX form, or one that means something else. */
const EXCEPTIONS: Readonly<Record<string, (node: Node) => boolean>> = {
  FloorDiv: ({ outputs }) => outputs[0]!.dtype === 'int32',
  MirrorPad: ({ attrs }) => attrs.mode !== 'reflect',
  Pow: ({ outputs }) => outputs[0]!.dtype !== 'float32',
};

/** Empty tensors are left to the portable kernels. */
function isLowerable(lowerings: LoweringTable, node: Node): boolean {
  if (!(node.op in lowerings) || EXCEPTIONS[node.op]?.(node)) return false;
  return [...node.inputs, ...node.outputs].every(
    ({ size, dtype }) => size > 0 && dtype !== 'string' && dtype !== 'complex64',
  );
}
