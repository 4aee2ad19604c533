import { compile } from '@diptych/nn';
import { type OnnxRuntimeBackend, useOnnxRuntime } from '@diptych/tfjs-backend-onnxruntime';
import { Adafactor, AdamW, clipGradients, defineOptimizer, Lion, SGD } from '@diptych/train';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** The README's: Lion (Chen et al. 2023) as a user writes it. */
class OwnLion extends defineOptimizer({
  name: 'OwnLion',
  defaults: { learningRate: 1e-4, weightDecay: 0, betas: [0.9, 0.99] },
  state: ['average'],
  update({ parameter, gradient, state: { average }, hyper: { learningRate, weightDecay, betas } }) {
    const blend = (beta = 0) => tf.add(tf.mul(average, beta), tf.mul(gradient, 1 - beta));
    const decayed = tf.mul(parameter, tf.sub(1, tf.mul(learningRate, weightDecay)));
    const direction = tf.sign(blend(betas[0]));
    return { parameter: tf.sub(decayed, tf.mul(learningRate, direction)), state: { average: blend(betas[1]) } };
  },
}) {}

const OPTIMIZERS = {
  AdamW: () => new AdamW(),
  SGD: () => new SGD(),
  'SGD with momentum': () => new SGD({ momentum: 0.9 }),
  'SGD with all it has': () => new SGD({ momentum: 0.9, dampening: 0.1, weightDecay: 0.1 }),
  Nesterov: () => new SGD({ momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
  Lion: () => new Lion({ weightDecay: 0.1 }),
  'a Lion of your own': () => new OwnLion({ weightDecay: 0.1 }),
  Adafactor: () => new Adafactor({ weightDecay: 0.1 }),
};

let backend: OnnxRuntimeBackend;

beforeEach(() => {
  backend = useOnnxRuntime({ forceNative: true });
});

afterEach(() => tf.disposeVariables());

/** A table of embeddings with two layers on top, and one training step on it. */
function network(makeOptimizer: () => InstanceType<typeof AdamW | typeof SGD>) {
  const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 0.3, 'float32', seed);
  const parameters: [string, tf.Variable][] = tf.tidy(() => [
    ['table', tf.variable(random([200, 32], 1))],
    ['hidden', tf.variable(random([32, 64], 2))],
    ['bias', tf.variable(tf.zeros([64]))],
    ['out', tf.variable(random([64, 32], 3))],
    ['scale', tf.variable(tf.scalar(1.5))],
  ]);
  const [table, hidden, bias, out, scale] = parameters.map(([, variable]) => variable);
  const optimizer = makeOptimizer();
  optimizer.bind(parameters);
  const variables = parameters.map(([, variable]) => variable);
  const train = (ids: tf.Tensor1D, hyper: tf.Tensor2D) => {
    const { value, grads } = tf.variableGrads(() => {
      const rows = tf.tanh(tf.add(tf.matMul(tf.gather(table!, ids), hidden!), bias!));
      return tf.mean(tf.square(tf.sub(tf.mul(tf.matMul(rows, out!), scale!), 1)));
    }, variables);
    const clipped = clipGradients(
      variables.map(({ name }) => grads[name]),
      0.5,
    );
    optimizer.apply(hyper, clipped.gradients, clipped.healthy);
    return [value, clipped.norm];
  };
  /** @param train compiled or not */
  const step = (run: typeof train, seed: number) => {
    optimizer.prepare();
    const [loss, norm] = tf.tidy(() => {
      const ids = tf.randomUniform([6], 0, 200, 'int32', seed) as tf.Tensor1D;
      return run(ids, tf.tensor2d(optimizer.hyper(1), [parameters.length, 3]));
    });
    const values = [loss!.dataSync()[0]!, norm!.dataSync()[0]!];
    optimizer.advance([...parameters.keys()]);
    tf.dispose([loss!, norm!]);
    return values;
  };
  const all = () => [...variables, ...[...optimizer.namedState()].map(([, variable]) => variable)];
  return { train, step, all };
}

describe.each(Object.entries(OPTIMIZERS))('%s', (_, make) => {
  const makeOptimizer = make as () => InstanceType<typeof AdamW | typeof SGD>;

  it('updates every parameter and all of its state where it lies', () => {
    const { train, step, all } = network(makeOptimizer);
    const compiled = compile(train);
    step(compiled, 1);
    step(compiled, 2);
    const before = backend.stats().results;
    step(compiled, 3);
    const after = backend.stats().results;
    const bytes = all().reduce((sum, { size }) => sum + 4 * size, 0);
    expect(after.inPlace - before.inPlace).toBe(bytes);
    // loss and norm, and a few scalars between sessions; the rows of the embedding's gradient where they are summed outside
    expect(after.allocated - before.allocated).toBeLessThan(2048);
    expect(all().every((variable) => backend.isUpdatedInPlace(backend.dataOf(variable)))).toBe(true);
  });

  it('gives what it gives operation by operation', () => {
    const [eager, compiled] = [network(makeOptimizer), network(makeOptimizer)];
    const replayed = compile(compiled.train);
    for (let seed = 1; seed <= 8; seed++) {
      const [expected, got] = [eager.step(eager.train, seed), compiled.step(replayed, seed)];
      for (const [i, value] of expected.entries()) expect(got[i], `step ${seed}`).toBeCloseTo(value, 4);
    }
    const others = compiled.all();
    for (const [i, variable] of eager.all().entries()) {
      const [a, b] = [variable.dataSync(), others[i]!.dataSync()];
      const differing = a.filter((value, j) => Math.abs(value - b[j]!) > 2e-4).length;
      // a sign may turn where an average is zero but for rounding
      expect(differing / a.length).toBeLessThan(0.005);
    }
  });

  it('leaves clones as they were, also those made before a value was assigned', () => {
    const { train, step, all } = network(makeOptimizer);
    const compiled = compile(train);
    step(compiled, 1);
    const [table] = all();
    const clone = tf.clone(table!);
    const values = clone.dataSync().slice();
    const loaded = tf.fill(table!.shape, 0.25);
    table!.assign(loaded);
    loaded.dispose();
    step(compiled, 2);
    step(compiled, 3);
    expect(clone.dataSync()).toEqual(values);
    clone.dispose();
  });
});
