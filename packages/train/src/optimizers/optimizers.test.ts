import '@tensorflow/tfjs-backend-cpu';
import '@diptych/tfjs-backend-onnxruntime';
import { readFileSync } from 'node:fs';
import { testOptimizer } from '@diptych/testing';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, describe, expect, it } from 'vitest';
import { Adafactor, AdamW, defineOptimizer, Lion, SGD } from '../index.js';

type Values = Readonly<Record<string, readonly number[]>>;

interface Trajectories {
  readonly learningRate: number;
  /** Of a schedule, one a step. */
  readonly factors: readonly number[];
  readonly shapes: Readonly<Record<string, number[]>>;
  readonly initial: Values;
  readonly gradients: readonly Values[];
  readonly cases: readonly {
    readonly optimizer: keyof typeof OPTIMIZERS;
    readonly options: object;
    readonly parameters: Values;
    readonly state: Values;
  }[];
}

const OPTIMIZERS = { Adafactor, AdamW, Lion, SGD };
const TRAJECTORIES: Trajectories = JSON.parse(
  readFileSync(new URL('__fixtures__/trajectories.json', import.meta.url), 'utf8'),
);

afterAll(() => tf.disposeVariables());

describe.each(['cpu', 'onnxruntime'])('on %s', (backend) => {
  it.each(TRAJECTORIES.cases.map((each) => [each.optimizer, JSON.stringify(each.options), each] as const))(
    '%s %s follows float64 over a schedule',
    async (name, _, { options, parameters, state }) => {
      await tf.setBackend(backend);
      const { learningRate, factors, shapes, initial, gradients } = TRAJECTORIES;
      const variables = Object.entries(shapes).map(([parameter, shape]): [string, tf.Variable] => [
        parameter,
        tf.variable(tf.tensor([...initial[parameter]!], shape)),
      ]);
      const optimizer = new OPTIMIZERS[name]({ ...options, learningRate, decayOn: 'all' });
      optimizer.bind(variables);
      for (const [step, factor] of factors.entries()) {
        const given = Object.entries(gradients[step]!).map(([parameter, values]) => [
          parameter,
          tf.tensor([...values], shapes[parameter]),
        ]);
        optimizer.step(Object.fromEntries(given), { factor });
      }
      for (const [parameter, variable] of variables) expectClose(variable, parameters[parameter]!, parameter);
      const found = Object.fromEntries(optimizer.namedState());
      expect(Object.keys(found).sort()).toEqual(Object.keys(state).sort());
      for (const [key, values] of Object.entries(state)) expectClose(found[key]!, values, key);
    },
  );
});

/** Within a few roundings of float32. */
function expectClose(actual: tf.Tensor, expected: readonly number[], what: string) {
  const values = actual.dataSync();
  expect(values.length, what).toBe(expected.length);
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(values[i]! - value), `${what}[${i}]`).toBeLessThan(2e-6 * Math.max(1, Math.abs(value)));
  }
}

for (const [name, Optimizer] of Object.entries(OPTIMIZERS)) {
  testOptimizer({ describe, it }, `${name} as an optimizer`, { create: (options) => new Optimizer(options) });
}
testOptimizer({ describe, it }, 'SGD with momentum as an optimizer', {
  create: (options) => new SGD({ momentum: 0.9, ...options }),
});

describe('options', () => {
  it('are refused where they are out of range or unknown', () => {
    expect(() => new Lion({ betas: [0.9, 1] })).toThrow(/train\.Lion: expected two betas/);
    expect(() => new SGD({ momentum: -1 })).toThrow(/momentum of at least 0/);
    expect(() => new SGD({ nesterov: true })).toThrow(/momentum and no dampening with nesterov/);
    expect(() => new Adafactor({ clipThreshold: 0.5 })).toThrow(/clipThreshold/);
    expect(() => new AdamW({ lr: 1 } as object)).toThrow(/got lr; did you mean learningRate/);
    expect(() => new AdamW({ decayOn: 'none' as 'all' })).toThrow(/decayOn/);
  });

  it('of a group may be any of the optimizer', () => {
    const [a, b] = ['a', 'b'].map((name): [string, tf.Variable] => [name, tf.variable(tf.ones([2, 2]))]);
    const optimizer = new SGD({ learningRate: 1, groups: { b: { momentum: 0.5 } } });
    optimizer.bind([a!, b!]);
    for (let step = 0; step < 2; step++) optimizer.step({ a: tf.ones([2, 2]), b: tf.ones([2, 2]) });
    expect([...optimizer.namedState()].map(([name]) => name)).toEqual(['momentum_buffer.b']);
    expect(a![1].dataSync()[0]).toBe(-1);
    expect(b![1].dataSync()[0]).toBe(-1.5);
  });
});

describe('an update that gives something else than new values', () => {
  it('is refused by name', () => {
    class Wrong extends defineOptimizer({
      name: 'Wrong',
      defaults: { learningRate: 1, weightDecay: 0 },
      state: [],
      update: ({ parameter }) => ({ parameter: tf.sum(parameter), state: {} }),
    }) {}
    const optimizer = new Wrong();
    optimizer.bind([['weight', tf.variable(tf.ones([2]))]]);
    expect(() => optimizer.step({ weight: tf.ones([2]) })).toThrow(
      /train\.Wrong\.update: new value of weight.*expected \[2\].*got \[\]/,
    );
  });
});
