import type { Optimizer } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Check, checkContract, ensure, type Runner, register } from './check.js';

/** What {@link testOptimizer} is told of an optimizer. */
export interface OptimizerContract {
  /** Makes a new optimizer. What it is given are options that every optimizer has, for parameters `a` and `b`. */
  create(options: {
    learningRate: number;
    groups?: Readonly<Record<string, { readonly learningRate: number }>>;
  }): Optimizer;
  /** Rate with which five steps lower a simple quadratic. Default 0.05. */
  readonly learningRate?: number;
}

/**
 * Checks that an optimizer keeps the contract of `Optimizer`: it descends, obeys groups and frozen parameters, counts steps one
 * parameter at a time, resumes to the same bits, changes nothing where the step is not healthy, and frees what it made.
 *
 * @param runner `{ describe, it }` of vitest, jest, mocha or node:test
 * @param name of the suite
 */
export function testOptimizer(runner: Runner, name: string, contract: OptimizerContract): void {
  register(runner, name, optimizerChecks(contract));
}

/** The checks of {@link testOptimizer}, for use without a test runner. */
export function optimizerChecks(contract: OptimizerContract): Check[] {
  checkContract('testing.optimizerChecks', contract, 'create');
  const { create, learningRate = 0.05 } = contract;
  /** Lends two parameters and an optimizer bound to them. */
  const withRun = async (options: GroupsOption, use: (run: Run) => Promise<void> | void): Promise<void> => {
    const parameters = makeParameters();
    const optimizer = create({ learningRate, ...options });
    optimizer.bind(parameters);
    try {
      await use({ optimizer, parameters });
    } finally {
      optimizer.dispose();
      tf.dispose(parameters.map(([, variable]) => variable));
    }
  };
  return [
    {
      name: 'lowers a quadratic, and moves with the schedule',
      run: () =>
        withRun({}, async (run) => {
          const before = await loss(run.parameters);
          for (let i = 0; i < 5; i++) step(run);
          const after = await loss(run.parameters);
          ensure(after < before, `the loss went from ${before} to ${after} in five steps`);
          const still = await read(run.parameters);
          step(run, { factor: 0 });
          ensure(same(still, await read(run.parameters)), 'a step at rate zero moved parameters');
        }),
    },
    {
      name: 'gives a group its own rate',
      run: () =>
        withRun({ groups: { b: { learningRate: 0 } } }, async (run) => {
          const [a, b] = await read(run.parameters);
          step(run);
          const [movedA, movedB] = await read(run.parameters);
          ensure(!same([a!], [movedA!]), 'a parameter outside the group did not move');
          ensure(same([b!], [movedB!]), 'a group with rate zero moved');
          const rows = run.optimizer.hyper(1);
          ensure(rows.length === 6, `hyper has ${rows.length} numbers for two parameters`);
        }),
    },
    {
      name: 'refuses a group that chooses nothing, and a second model',
      run: () =>
        withRun({}, async ({ optimizer, parameters }) => {
          const lost = create({ learningRate, groups: { nowhere: { learningRate: 1 } } });
          ensure(
            throws(() => lost.bind(parameters)),
            'a group that chooses no parameter was taken',
          );
          ensure(
            throws(() => optimizer.bind(parameters)),
            'a second model was taken',
          );
        }),
    },
    {
      name: 'leaves parameters without a gradient alone, and counts steps one by one',
      run: () =>
        withRun({}, async (run) => {
          const [, before] = await read(run.parameters);
          step(run, { without: 'b' });
          ensure(same([before!], [(await read(run.parameters))[1]!]), 'a parameter without a gradient moved');
          step(run);
          const { a, b } = run.optimizer.stepCounts();
          ensure(a === 2 && b === 1, `two steps and one are counted as ${a} and ${b}`);
        }),
    },
    {
      name: 'has no state for what is frozen until it thaws',
      run: () =>
        withRun({}, async ({ optimizer, parameters }) => {
          const frozen = parameters[1]![1];
          frozen.trainable = false;
          optimizer.prepare();
          const early = [...optimizer.namedState()].map(([name]) => name);
          ensure(
            early.every((name) => !name.endsWith('.b')),
            `a frozen parameter has state: ${early}`,
          );
          frozen.trainable = true;
          optimizer.prepare();
          const names = [...optimizer.namedState()].map(([name]) => name);
          ensure(new Set(names).size === names.length, `state is named twice: ${names}`);
          const thawed = names.some((name) => name.endsWith('.b'));
          ensure(thawed === early.length > 0, `after thawing the state is ${names}`);
        }),
    },
    {
      name: 'changes nothing where the step is not healthy',
      run: () =>
        withRun({}, async (run) => {
          step(run);
          const state = () => read([...run.parameters, ...run.optimizer.namedState()]);
          const before = await state();
          step(run, { healthy: false, gradient: Number.NaN });
          ensure(same(before, await state()), 'parameters or state changed');
        }),
    },
    {
      name: 'resumes to the same bits',
      run: () =>
        withRun({}, async (run) => {
          for (let i = 0; i < 3; i++) step(run);
          await withRun({}, async (resumed) => {
            resumed.optimizer.restoreStepCounts(run.optimizer.stepCounts());
            const into = new Map([...resumed.parameters, ...resumed.optimizer.namedState()]);
            for (const [name, from] of [...run.parameters, ...run.optimizer.namedState()]) {
              ensure(into.get(name)?.shape.join() === from.shape.join(), `the resumed run has no ${name} of its shape`);
              into.get(name)!.assign(tf.tidy(() => tf.tensor(from.dataSync().slice(), from.shape)));
            }
            for (let i = 0; i < 3; i++) for (const each of [run, resumed]) step(each);
            ensure(same(await read(run.parameters), await read(resumed.parameters)), 'the runs differ after a resume');
          });
        }),
    },
    {
      name: 'frees all it made',
      run: async () => {
        const live = () => withRun({}, (run) => void step(run));
        await live();
        const { numTensors } = tf.memory();
        for (let i = 0; i < 3; i++) await live();
        ensure(tf.memory().numTensors === numTensors, `${tf.memory().numTensors - numTensors} tensors more`);
      },
    },
  ];
}

type Parameters = [string, tf.Variable][];
type GroupsOption = { readonly groups?: Readonly<Record<string, { readonly learningRate: number }>> };
interface Run {
  readonly optimizer: Optimizer;
  readonly parameters: Parameters;
}

/** A matrix and a vector. */
function makeParameters(): Parameters {
  return tf.tidy(() => [
    ['a', tf.variable(tf.tensor2d([1, -2, 3, 0.5, -0.25, 4], [2, 3]))],
    ['b', tf.variable(tf.tensor1d([2, -1, 0.5]))],
  ]);
}

/** One step on the sum of squares, as a training step does it. */
function step(
  { optimizer, parameters }: Run,
  options: { factor?: number; without?: string; healthy?: boolean; gradient?: number } = {},
): void {
  const { factor = 1, without, healthy = true, gradient } = options;
  optimizer.prepare();
  const updated = tf.tidy(() => {
    const gradients = parameters.map(([name, variable]) => {
      if (name === without) return undefined;
      return gradient === undefined ? tf.mul(variable, 2) : tf.fill(variable.shape, gradient);
    });
    const hyper = tf.tensor2d(optimizer.hyper(factor), [parameters.length, 3]);
    return optimizer.apply(hyper, gradients, tf.scalar(healthy, 'bool'));
  });
  if (healthy) optimizer.advance(updated);
}

async function read(variables: readonly (readonly [string, tf.Variable])[]): Promise<number[][]> {
  return Promise.all(variables.map(async ([, variable]) => Array.from(await variable.data())));
}

async function loss(parameters: Parameters): Promise<number> {
  return (await read(parameters)).flat().reduce((sum, value) => sum + value * value, 0);
}

function same(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): boolean {
  return a.length === b.length && a.every((row, i) => row.every((value, j) => Object.is(value, b[i]![j])));
}

function throws(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch {
    return true;
  }
}
