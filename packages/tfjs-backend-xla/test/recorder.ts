import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import { extractProgram, type Program, RECORDERS, RecordingBackend, type Value } from '@diptych/graph';
import * as tf from '@tensorflow/tfjs-core';
import { optimize } from '../src/lowering/passes';

/** Records what tfjs is asked for, and computes nothing. */
class Recorder extends RecordingBackend {
  evaluate(): never {
    throw new Error('a value was read while recording');
  }
}

const NAME = 'xla-recorder';
const backend = new Recorder(NAME);
tf.registerBackend(NAME, () => backend);
for (const [kernelName, record] of Object.entries(RECORDERS)) {
  tf.registerKernel({
    kernelName,
    backendName: NAME,
    kernelFunc: ({ inputs, attrs }) => {
      const recorded = record(backend, inputs as never, (attrs ?? {}) as never);
      if (recorded === undefined) throw new Error(`${kernelName} is not recorded`);
      return recorded;
    },
  });
}

/** Shape and dtype of an argument. */
export interface Spec {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
}

/** A function of tensors, one or several. */
export type TensorFunction = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/** What a function computes, as a program whose inputs are its arguments, and those constants that it made. */
export function record(fn: TensorFunction, specs: readonly Spec[]): { program: Program; leaves: Value[] } {
  const before = tf.getBackend();
  tf.setBackend(NAME);
  try {
    const infos = specs.map(({ shape, dtype }) => backend.placeholder(shape, dtype));
    const leaves = infos.map((info) => backend.graphValue(info));
    const tensors = infos.map((info) => tf.engine().makeTensorFromTensorInfo(info));
    const { result } = backend.recordWhile(new Set(leaves), () =>
      tf.tidy(() => [fn(...tensors)].flat().map((x) => tf.keep(x))),
    );
    const program = extractProgram(result.map((tensor) => backend.graphValue(tensor)));
    tf.dispose(result);
    return { program, leaves };
  } finally {
    if (before) tf.setBackend(before);
  }
}

/** A program after its passes. */
export const optimized = (program: Program, options?: { forDivision?: boolean }): Program =>
  optimize(program, (leaf: Value) => leaf.isKnown, options);
