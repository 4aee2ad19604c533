import { drawUniform, Generator, philoxUniform, randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';
import { evaluate, type HostTensor, requireClose } from './host-tensor.js';
import { OP_CASES, type OpCase, type OpInput } from './op-cases.js';

/** What {@link testBackend} is told of a tfjs backend. */
export interface BackendContract {
  /** Name under which it is registered with tfjs. */
  readonly backend: string;
  /** The backend that is right; default `cpu`, tfjs-backend-cpu, which must be imported. */
  readonly reference?: string;
  /** Largest difference as a fraction of the largest value. Default 1e-4. */
  readonly tolerance?: number;
  /** Compare gradients too, default true; false for backends that only infer, and then nothing is trained. */
  readonly gradients?: boolean;
  /** Cases that it cannot do, by name: `/^prod/`. They are left out. */
  readonly skip?: readonly RegExp[];
}

/**
 * Checks a tfjs backend: values and gradients of the operations that encoders, fusions and losses are made of, against
 * a reference; empty tensors, variables, reading, memory, random numbers. One test an operation.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testBackend(runner: Runner, name: string, contract: BackendContract): void {
  register(runner, name, backendChecks(contract));
}

/** The checks of {@link testBackend}, for use without a test runner. */
export function backendChecks(contract: BackendContract): Check[] {
  checkContract('testing.backendChecks', contract, 'backend');
  const { backend, reference = 'cpu', tolerance = 1e-4, gradients = true, skip = [] } = contract;
  const on = async <Result>(name: string, work: () => Promise<Result>): Promise<Result> => {
    ensure(tf.engine().registryFactory[name] !== undefined, `no backend "${name}" is registered: import its package`);
    const before = tf.getBackend();
    ensure(await tf.setBackend(name), `the backend "${name}" cannot be initialised`);
    try {
      return await work();
    } finally {
      await tf.setBackend(before || name);
    }
  };
  const here = (work: () => Promise<void>) => () => on(backend, work);

  const operations = Object.entries(OP_CASES).flatMap(([kind, cases]) =>
    cases.map((operation): Check => {
      const name = `${kind}: ${operation.name}`;
      const run = async () => {
        const expected = await on(reference, () => runCase(operation, gradients));
        const actual = await on(backend, () => runCase(operation, gradients));
        for (const key of Object.keys(expected)) {
          requireClose(`${operation.name}: ${key}`, actual[key], expected[key], tolerance);
          ensure(
            actual[key]!.dtype === expected[key]!.dtype,
            `${operation.name}: ${key} is ${actual[key]!.dtype}, not ${expected[key]!.dtype}`,
          );
        }
      };
      return { name, run };
    }),
  );
  const general: Check[] = [
    {
      name: 'reads what was written: float32, int32, bool, by data and dataSync',
      run: here(async () => {
        const tensors = [
          tf.tensor1d([1.5, -2, 3e-30]),
          tf.tensor1d([-(2 ** 31), 2 ** 31 - 1], 'int32'),
          tf.tensor1d([1, 0], 'bool'),
        ];
        const wanted = [Float32Array.of(1.5, -2, 3e-30), [-(2 ** 31), 2 ** 31 - 1], [1, 0]];
        for (const [i, tensor] of tensors.entries()) {
          ensure(`${await tensor.data()}` === `${wanted[i]}`, `data() of ${tensor.dtype} gives ${await tensor.data()}`);
          ensure(`${tensor.dataSync()}` === `${wanted[i]}`, `dataSync() of ${tensor.dtype} gives ${tensor.dataSync()}`);
        }
        tf.dispose(tensors);
      }),
    },
    {
      name: 'copes with tensors without entries',
      run: here(async () => {
        const { joined, sum, product } = await evaluate(() => {
          const none = tf.zeros([0, 3]);
          return {
            joined: tf.concat([none, tf.ones([2, 3])], 0),
            sum: tf.sum(none, 0),
            product: tf.matMul(none, tf.ones([3, 2])),
          };
        });
        ensure(`${joined.shape}` === '2,3', `concat with nothing has shape [${joined.shape}]`);
        ensure(`${sum.values}` === '0,0,0', `the sum of nothing is [${sum.values}]`);
        ensure(`${product.shape}` === '0,2', `a product with nothing has shape [${product.shape}]`);
      }),
    },
    {
      name: 'keeps variables apart from what they were made of',
      run: here(async () => {
        const start = tf.tensor1d([1, 2]);
        const variable = tf.variable(start);
        tf.tidy(() => variable.assign(tf.add(variable, 1)));
        tf.tidy(() => variable.assign(tf.mul(variable, 2)));
        ensure(`${await start.data()}` === '1,2', `the first tensor became [${await start.data()}]`);
        ensure(`${await variable.data()}` === '4,6', `the variable is [${await variable.data()}], not [4,6]`);
        variable.dispose();
        start.dispose();
      }),
    },
    {
      name: 'computes with what another backend made',
      run: async () => {
        const foreign = await on(reference, async () => tf.tensor1d([1, 2, 3]));
        await on(backend, async () => {
          const { doubled } = await evaluate(() => ({ doubled: tf.mul(foreign, 2) }));
          ensure(`${doubled.values}` === '2,4,6', `2 * [1,2,3] of ${reference} gives [${doubled.values}]`);
        });
        foreign.dispose();
      },
    },
    {
      name: 'draws Philox numbers by seed, step, site and row',
      run: here(async () => {
        const [seed, step, row, site] = [5, 9, 3, 0x9e3779b9];
        const stream = randomStream(seed, step, row);
        const { drawn } = await evaluate(() => ({ drawn: philoxUniform(stream, [3, 2, 5], site) }));
        stream.state.dispose();
        const values = drawUniform([3, 2, 5], seed, step, row, site);
        requireClose('philoxUniform', drawn, { shape: [3, 2, 5], dtype: 'float32', values }, 0);
      }),
    },
  ];
  const training: Check[] = [
    {
      name: 'trains: fifty steps of gradient descent on a small network',
      run: async () => {
        const expected = await on(reference, descend);
        const actual = await on(backend, descend);
        ensure(actual.at(-1)! < 0.5 * actual[0]!, `the loss went from ${actual[0]} to ${actual.at(-1)}`);
        const worst = Math.max(...actual.map((loss, i) => Math.abs(loss - expected[i]!)));
        ensure(worst <= 50 * tolerance * expected[0]!, `the losses differ from those of ${reference} by ${worst}`);
      },
    },
    {
      name: 'keeps memory level over ten steps with gradients',
      run: here(async () => {
        await descend(1);
        const before = tf.memory();
        await descend(10);
        const after = tf.memory();
        ensure(after.numTensors === before.numTensors, `${after.numTensors - before.numTensors} tensors more`);
        ensure(
          after.numDataBuffers === before.numDataBuffers,
          `${after.numDataBuffers - before.numDataBuffers} buffers more`,
        );
      }),
    },
  ];
  return [...general, ...(gradients ? training : []), ...operations].filter(
    ({ name }) => !skip.some((pattern) => name.search(pattern) >= 0),
  );
}

/** The result of a case and the gradients of its sum, weighted at random. */
async function runCase(
  { inputs, run, gradients = true }: OpCase,
  compareGradients: boolean,
): Promise<Record<string, HostTensor>> {
  const tensors = inputs.map(makeInput);
  const call = run as (...inputs: tf.Tensor[]) => tf.Tensor;
  const result: Record<string, HostTensor> = await evaluate(() => ({ value: call(...tensors) }));
  const trained = gradients && compareGradients ? tensors.filter(({ dtype }) => dtype === 'float32') : [];
  if (trained.length > 0) {
    const weights = weightsLike(result.value!);
    const grads = tf.grads((...changed: tf.Tensor[]) => {
      const rest = [...changed];
      const all = tensors.map((tensor) => (tensor.dtype === 'float32' ? rest.shift()! : tensor));
      return tf.sum(tf.mul(call(...all), weights));
    })(trained);
    Object.assign(
      result,
      await evaluate<string>(() => Object.fromEntries(grads.map((gradient, i) => [`gradient ${i}`, gradient]))),
    );
    tf.dispose([...grads, weights]);
  }
  tf.dispose(tensors);
  return result;
}

function weightsLike({ shape }: HostTensor): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(new Generator(77).normal(size), [...shape]);
}

function makeInput({ shape, dtype = 'float32', fill = 'normal' }: OpInput, index: number): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const generator = new Generator(1000 + 17 * index + size);
  if (typeof fill === 'number') {
    const whole = Array.from(generator.uniform(size, 0, fill), Math.floor);
    return tf.tensor(whole, [...shape], dtype);
  }
  return tf.tensor(FILLS[fill](generator, size), [...shape], dtype);
}

const FILLS = {
  normal: (generator: Generator, size: number) => generator.normal(size),
  positive: (generator: Generator, size: number) => generator.uniform(size, 0.2, 2.2),
  unit: (generator: Generator, size: number) => generator.uniform(size, -0.9, 0.9),
  // A permutation of numbers a quarter apart: extrema and their gradients are then the same on every backend.
  distinct: (generator: Generator, size: number) => {
    const keys = generator.uniform(size);
    const order = Array.from(keys, (_, i) => i).sort((a, b) => keys[a]! - keys[b]!);
    const values = new Float32Array(size);
    for (const [rank, i] of order.entries()) values[i] = (rank - size / 2) / 4;
    return values;
  },
} as const;

/** Losses of a two-layer network that learns a random table. */
async function descend(steps = 50): Promise<number[]> {
  const generator = new Generator(4);
  const x = tf.tensor2d(generator.normal(8 * 5), [8, 5]);
  const y = tf.tensor2d(generator.normal(8 * 3), [8, 3]);
  const [first, second] = [
    tf.tidy(() => tf.variable(tf.tensor2d(generator.normal(16 * 5, 0, 0.4), [16, 5]))),
    tf.tidy(() => tf.variable(tf.tensor2d(generator.normal(3 * 16, 0, 0.4), [3, 16]))),
  ] as const;
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { value, grads } = tf.variableGrads(() => {
      const hidden = tf.relu(tf.matMul(x, first, false, true));
      return tf.mean(tf.squaredDifference(tf.matMul(hidden, second, false, true), y));
    }, [first, second]);
    for (const variable of [first, second]) {
      tf.tidy(() => variable.assign(tf.sub(variable, tf.mul(grads[variable.name]!, 0.1))));
    }
    losses.push((await value.data())[0]!);
    tf.dispose([value, grads]);
  }
  tf.dispose([x, y, first, second]);
  return losses;
}
