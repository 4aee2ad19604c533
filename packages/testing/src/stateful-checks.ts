import { buffersOf, type Context, parametersOf, type Stateful } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, ensure } from './check.js';
import { type HostTensor, largestMagnitude, requireFinite, restore, snapshot } from './host-tensor.js';

/** What the checks of every part with parameters are told. */
export interface PartContract<Part extends Stateful> {
  /** Makes a new part with its own parameters; the same ones each time. */
  create(): Part | Promise<Part>;
  /**
   * Parameters that may stay without a gradient, such as a pooler that the result does not pass through, or the bias
   * of attention's keys, which no softmax can see.
   */
  readonly withoutGradient?: readonly RegExp[];
}

/** Makes a part, lends it to a function, and frees it, also if the function throws. */
export async function withPart<Part extends Stateful, Result>(
  create: PartContract<Part>['create'],
  use: (part: Part) => Promise<Result>,
): Promise<Result> {
  const part = await createBound(create);
  try {
    return await use(part);
  } finally {
    part.dispose();
  }
}

/** As a model does, tells modules of nn where they stand, so that their random draws have names. */
async function createBound<Part extends Stateful>(create: PartContract<Part>['create']): Promise<Part> {
  const part = await create();
  (part as { bindPaths?: (path: string) => unknown }).bindPaths?.('part');
  return part;
}

/** All variables of a part. */
export function variablesOf(part: Stateful): [string, tf.Variable][] {
  return [...parametersOf(part), ...buffersOf(part)];
}

/**
 * What holds for every part that may own parameters: sound names, no leaks, instances that do not disturb each other,
 * a description that JSON can hold.
 *
 * @param exercise uses the part once, as its users do, and frees the results
 */
export function statefulChecks<Part extends Stateful>(
  { create }: PartContract<Part>,
  exercise: (part: Part) => Promise<void>,
): Check[] {
  return [
    {
      name: 'names each parameter and buffer once',
      run: () =>
        withPart(create, async (part) => {
          const names = variablesOf(part).map(([name]) => name);
          for (const name of names) {
            ensure(/^[^\s.]+(\.[^\s.]+)*$/.test(name), `"${name}" is no property path`);
            ensure(names.indexOf(name) === names.lastIndexOf(name), `two variables are called "${name}"`);
          }
          const variables = variablesOf(part).map(([, variable]) => variable);
          ensure(new Set(variables).size === variables.length, 'one variable has two names');
        }),
    },
    {
      name: 'frees all it made, over ten lives',
      run: async () => {
        const live = () => withPart(create, exercise);
        // What backends and lazily built tables keep after a first time is no leak.
        await live();
        const before = tf.memory();
        for (let round = 0; round < 10; round++) await live();
        const after = tf.memory();
        ensure(
          after.numTensors === before.numTensors,
          `${after.numTensors - before.numTensors} tensors more after ten lives`,
        );
        ensure(
          after.numDataBuffers === before.numDataBuffers,
          `${after.numDataBuffers - before.numDataBuffers} data buffers more after ten lives`,
        );
      },
    },
    {
      name: 'lets a second instance live beside it, and survive it',
      run: async () => {
        const first = await createBound(create);
        let disposed = false;
        try {
          await withPart(create, async (second) => {
            const own = new Set(variablesOf(first).map(([, variable]) => variable));
            const shared = variablesOf(second).find(([, variable]) => own.has(variable));
            ensure(!shared, () => `both instances hold the same variable "${shared![0]}"`);
            await exercise(first);
            first.dispose();
            disposed = true;
            await exercise(second);
          });
        } finally {
          if (!disposed) first.dispose();
        }
      },
    },
    {
      name: 'describes itself in JSON, if it does so',
      run: () =>
        withPart(create, async (part) => {
          const description = part.describe?.();
          if (description) requireDescription(description);
        }),
    },
  ];
}

/** Checks a description of a part: a kind, and options that come back from JSON as they were. */
export function requireDescription(description: { readonly kind: string; readonly options: unknown }): void {
  const { kind, options } = description;
  ensure(typeof kind === 'string' && kind.length > 0, 'describe() gives no kind');
  const written = JSON.stringify(options);
  ensure(written !== undefined, 'describe() gives no options');
  const again = JSON.stringify(JSON.parse(written));
  ensure(written === again && !containsLoss(options), `options do not survive JSON: ${written.slice(0, 200)}`);
}

/** True if JSON would turn something into another thing: NaN into null, a typed array or Map into an object. */
function containsLoss(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  if (typeof value === 'number') return !Number.isFinite(value);
  if (typeof value !== 'object') return typeof value !== 'string' && typeof value !== 'boolean';
  if (Array.isArray(value)) return value.some((item) => item === undefined || containsLoss(item));
  return Object.getPrototypeOf(value) !== Object.prototype || Object.values(value).some(containsLoss);
}

/**
 * Differentiates a scalar and checks that a gradient reaches every parameter: of its shape, finite, not all zero.
 * Buffers that the computation updates are put back.
 */
export async function requireGradients(
  part: Stateful,
  withoutGradient: readonly RegExp[],
  compute: () => tf.Scalar,
): Promise<void> {
  const parameters = parametersOf(part).filter(([, variable]) => variable.trainable);
  if (parameters.length === 0) return;
  const buffers = await snapshot(buffersOf(part));
  const { value, grads } = tf.variableGrads(
    compute,
    parameters.map(([, variable]) => variable),
  );
  value.dispose();
  restore(buffersOf(part), buffers);
  const found: [string, tf.Variable, HostTensor | undefined][] = [];
  for (const [name, variable] of parameters) {
    // tfjs gives null for variables that the result does not depend on.
    const gradient = grads[variable.name] as tf.Tensor | null | undefined;
    if (!gradient) {
      found.push([name, variable, undefined]);
      continue;
    }
    const { shape, dtype } = gradient;
    found.push([name, variable, { shape, dtype, values: Float32Array.from(await gradient.data()) }]);
    gradient.dispose();
  }
  for (const [name, variable, gradient] of found) {
    const excused = withoutGradient.some((pattern) => name.search(pattern) >= 0);
    if (gradient) requireFinite(`the gradient of ${name}`, gradient, variable.shape);
    if (excused) continue;
    ensure(gradient !== undefined, `no gradient reaches ${name}`);
    ensure(largestMagnitude(gradient) > 0, `the gradient of ${name} is zero everywhere`);
  }
}

/** Runs a part in training twice, from the same stream and the same buffers, which are put back. */
export async function trainTwice<Result>(
  part: Stateful,
  run: (context: Context) => Promise<Result>,
): Promise<[Result, Result]> {
  const buffers = await snapshot(buffersOf(part));
  const train = async () => {
    const random = randomStream(7, 3);
    const result = await run({ training: true, random });
    random.state.dispose();
    restore(buffersOf(part), buffers);
    return result;
  };
  return [await train(), await train()];
}

/** The width that a part says it gives. */
export function checkedWidth({ embedDim }: { readonly embedDim: number }): number {
  ensure(Number.isSafeInteger(embedDim) && embedDim > 0, `embedDim is ${embedDim}`);
  return embedDim;
}
