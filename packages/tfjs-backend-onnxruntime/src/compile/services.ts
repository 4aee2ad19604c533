import type { RecordingBackend } from '@diptych/graph';
import type * as tf from '@tensorflow/tfjs-core';
import type { Datum } from '../execution/device-tensor.js';
import type { HostTools } from '../execution/host-kernel.js';
import type { SessionBudget } from '../execution/session-budget.js';
import type { Target } from '../execution/target.js';
import type { DeviceCopies, OrtSessionOptions } from '../ort/index.js';
import type { InPlaceMemory } from './in-place-memory.js';
import type { TensorStore } from './tensor-store.js';

/** What a trace needs beside. */
export type TraceServices = TensorStore &
  Pick<RecordingBackend, 'flush' | 'incRef' | 'placeholder' | 'graphValue' | 'recordWhile'>;

/** What a compiled program needs to build its sessions and run them. */
export interface ProgramServices extends TensorStore {
  readonly inPlace: InPlaceMemory;
  readonly tools: HostTools;
  readonly target: Target;
  readonly copies: DeviceCopies | null;
  readonly sessions: SessionBudget;
  readonly skippedPasses: ReadonlySet<string>;
  /** The user's own options of sessions. */
  readonly givenSessionOptions: OrtSessionOptions;
  /** Options of a session that does so much work. */
  sessionOptions(work: number): OrtSessionOptions;
  /** What sessions read of a variable: its data, or its copy on the device that keeps variables. */
  stateOf(variable: tf.Variable): Datum;
  readonly counters: { readonly results: { inPlace: number; allocated: number } };
}

/** What `compileFunction` needs of the backend. */
export type CompileServices = TraceServices &
  ProgramServices & {
    readonly isRecording: boolean;
    readonly counters: {
      readonly compiled: { recorded: number; revalidated: number; replayed: number };
    };
  };
