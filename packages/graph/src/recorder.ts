import * as tf from '@tensorflow/tfjs-core';
import type { KernelInputs, RecordingBackend } from './recording-backend.js';

/** Inputs of a kernel by name, as most kernels take them. */
export type NamedInputs = Record<string, tf.TensorInfo>;

/**
 * Records one tfjs kernel: works out the shape and dtype of its outputs and adds nodes. Returns undefined for what it
 * cannot express (a dtype, a data format): the backend then runs the kernel at once, with tfjs-backend-cpu.
 */
export type Recorder<Attrs = tf.NamedAttrMap> = (
  backend: RecordingBackend,
  inputs: NamedInputs,
  attrs: Attrs,
) => tf.TensorInfo | tf.TensorInfo[] | undefined;

/** tfjs kernel name -> how to record it. `never`: only who knows the kernel by name knows its attributes. */
export type RecorderTable = Readonly<Record<string, Recorder<never>>>;

/** The tensors of a kernel that takes a list. */
export function listOf(inputs: KernelInputs): tf.TensorInfo[] {
  return Object.values(inputs as Record<string, tf.TensorInfo>);
}

/**
 * Non-negative axes in increasing order; all of them where `axis` is absent.
 *
 * @throws Error of tfjs for an axis out of range
 */
export function resolveAxes(axis: number | number[] | undefined | null, shape: readonly number[]): number[] {
  const axes = tf.util.parseAxisParam(axis as number[], shape as number[]);
  return [...new Set(axes)].sort((a, b) => a - b);
}

/** A single axis, counted from the end where negative. */
export function resolveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
