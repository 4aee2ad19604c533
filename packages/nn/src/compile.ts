import { ConfigError } from '@diptych/core';
import { tidyNested } from '@diptych/core/tfjs';
import * as tf from '@tensorflow/tfjs-core';

/** A function that a backend may have compiled; `dispose` frees what it holds. */
export type Compiled<Args extends unknown[], Result> = ((...args: Args) => Result) & { dispose(): void };

const COMPILE: unique symbol = Symbol.for('diptych.compile');

/** The arithmetic of products and convolutions: float32, TF32, or bfloat16 operands with float32 sums and float32 weights. */
export type Precision = 'f32' | 'tf32' | 'bf16';

/** How a function is compiled. */
export interface CompileFunctionOptions {
  /** Default: the backend's. */
  readonly precision?: Precision;
}

/** What a backend that can compile offers under `Symbol.for('diptych.compile')`. */
export interface CompilingBackend {
  [COMPILE]<Args extends unknown[], Result>(
    fn: (...args: Args) => Result,
    options?: CompileFunctionOptions,
  ): Compiled<Args, Result>;
  /** What `options.precision` may be, beside `f32`; absent where that is all. */
  readonly precisions?: readonly Precision[];
}

/**
 * Records `fn` once for each set of shapes, dtypes, static arguments and variables, and replays it without tracing, on
 * backends that can; elsewhere `fn` runs as it is, inside `tf.tidy`.
 *
 * Arguments and results are tensors, nested in arrays and plain objects, beside static values (numbers, strings, booleans, null,
 * undefined).
 * Variables that `fn` reads are state, variables that it assigns are updated. Reading a tensor's value inside `fn` is an error.
 * Results belong to the caller.
 *
 * @throws ConfigError at the first call, for a precision that the backend does not have
 */
export function compile<Args extends unknown[], Result>(
  fn: (...args: Args) => Result,
  options: CompileFunctionOptions = {},
): Compiled<Args, Result> {
  // looked up at the call: the application may choose its backend after it has built its model
  let current: { readonly backend: tf.KernelBackend; readonly run: Compiled<Args, Result> } | undefined;
  const call = (...args: Args): Result => {
    const backend = tf.backend() as tf.KernelBackend & Partial<CompilingBackend>;
    if (current?.backend !== backend) {
      checkPrecision(backend, options.precision);
      current?.run.dispose();
      const plain = () =>
        Object.assign((...given: Args) => tidyNested<Result>(() => fn(...given)), { dispose: () => {} });
      current = { backend, run: backend[COMPILE]?.(fn, options) ?? plain() };
    }
    return current.run(...args);
  };
  const dispose = () => {
    current?.run.dispose();
    current = undefined;
  };
  return Object.assign(call, { dispose });
}

function checkPrecision({ precisions = ['f32'] }: Partial<CompilingBackend>, wanted: Precision | undefined): void {
  if (wanted === undefined || precisions.includes(wanted)) return;
  throw new ConfigError({
    where: 'nn.compile: precision',
    expected: `one of ${precisions.join(', ')} on the backend ${tf.getBackend()}`,
    got: wanted,
    remedy: "use the backend 'xla' (@diptych/tfjs-backend-xla), or leave it out",
  });
}
