import type { Program, Value } from '@diptych/graph';
import type { ProgramBudget, TensorStore } from '@diptych/graph/engine';
import type * as tf from '@tensorflow/tfjs-core';
import type { XlaDevice } from '../device/xla-device.js';
import type { Executable } from '../execution/executable.js';

/** What a compiled program needs of the backend. */
export interface ProgramServices extends Pick<TensorStore, 'makeTensor'> {
  readonly device: XlaDevice;
  readonly budget: ProgramBudget;
  optimize(program: Program, isConstant: (leaf: Value) => boolean): Program;
  run(executable: Executable, leafFor: (leaf: Value) => Value): Value[];
  leafOf(info: tf.TensorInfo): { value: Value; isBorrowed: boolean };
  stateOf(variable: tf.Variable): Value;
  replaceState(variable: tf.Variable, value: Value): void;
  ownValue(value: Value, shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
}
