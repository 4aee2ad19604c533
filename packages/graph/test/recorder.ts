import * as tf from '@tensorflow/tfjs-core';
import { extractProgram, RECORDERS, RecordingBackend, type Value } from '../src/index.js';

/** Keeps the programs that it is asked to evaluate; every result is zero. */
export class Recorder extends RecordingBackend {
  readonly evaluated: Value[][] = [];
  fails = '';

  protected override evaluate(values: readonly Value[]): void {
    const program = extractProgram(values);
    if (program.nodes.some(({ op }) => op === this.fails)) throw new Error(`cannot run ${this.fails}`);
    this.evaluated.push([...values]);
    for (const value of values) value.settle(new Float32Array(value.size));
  }

  override get isRecording(): boolean {
    return super.isRecording;
  }
}

/** Registers what a {@link Recorder} records, once a test file. */
export function registerRecorder(): void {
  for (const [kernelName, record] of Object.entries(RECORDERS)) {
    tf.registerKernel({
      kernelName,
      backendName: 'recorder',
      kernelFunc: ({ inputs, attrs, backend }) =>
        record(backend as RecordingBackend, inputs as Record<string, tf.TensorInfo>, (attrs as never) ?? {})!,
    });
  }
}

/** A fresh recorder as tfjs's backend. */
export function useRecorder(): Recorder {
  if (tf.findBackendFactory('recorder')) tf.removeBackend('recorder');
  const backend = new Recorder('recorder');
  tf.registerBackend('recorder', () => backend);
  tf.setBackend('recorder');
  return backend;
}
