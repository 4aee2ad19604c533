import { type Compiled, compile } from '@diptych/nn';
import type { TensorContainer } from '@tensorflow/tfjs-core';

/** `compile` for results in which some tensors may be null, which tfjs allows and its types do not. */
export function compileNested<Args extends unknown[], Result>(fn: (...args: Args) => Result): Compiled<Args, Result> {
  return compile(fn as unknown as (...args: Args) => TensorContainer) as unknown as Compiled<Args, Result>;
}
