import type { HostTools, ProgramBudget, TensorStore } from '@diptych/graph/engine';
import type * as tf from '@tensorflow/tfjs-core';
import type { Datum } from '../execution/device-tensor.js';
import type { Target } from '../execution/target.js';
import type { DeviceCopies, OrtSessionOptions } from '../ort/index.js';
import type { InPlaceMemory } from './in-place-memory.js';

/** What a compiled program needs to build its sessions and run them. */
export interface ProgramServices extends TensorStore {
  readonly inPlace: InPlaceMemory;
  readonly tools: HostTools;
  readonly target: Target;
  readonly copies: DeviceCopies | null;
  readonly budget: ProgramBudget;
  readonly skippedPasses: ReadonlySet<string>;
  /** The user's own options of sessions. */
  readonly givenSessionOptions: OrtSessionOptions;
  /** Options of a session that does so much work. */
  sessionOptions(work: number): OrtSessionOptions;
  /** What sessions read of a variable: its data, or its copy on the device that keeps variables. */
  stateOf(variable: tf.Variable): Datum;
  readonly counters: { readonly results: { inPlace: number; allocated: number } };
}
