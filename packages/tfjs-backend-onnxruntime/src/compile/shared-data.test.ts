import { compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exportOnnx, type OnnxRuntimeBackend, useOnnxRuntime } from '../index.js';

let backend: OnnxRuntimeBackend;

beforeEach(() => {
  backend = useOnnxRuntime({ forceNative: true });
});

afterEach(() => {
  tf.disposeVariables();
});

/** A weight that a compiled step moves in place, towards `x * weight = 0`. */
function trained() {
  const weight = tf.tidy(() => tf.variable(tf.randomNormal([50, 40], 0, 1, 'float32', 5)));
  const [m, v] = [0, 1].map(() => tf.variable(tf.zeros([50, 40]), false)) as [tf.Variable, tf.Variable];
  const attrs = { beta1: 0.9, beta2: 0.99, eps: 1e-6 };
  let steps = 0;
  const step = compile((hyper: tf.Tensor) => {
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(weight)), [weight]);
    const [learningRate, weightDecay, steps] = tf.unstack(tf.reshape(hyper, [3]));
    const inputs = {
      parameter: weight,
      gradient: grads[weight.name]!,
      expAvg: m,
      expAvgSq: v,
      learningRate: learningRate!,
      weightDecay: weightDecay!,
      step: steps!,
    };
    const [p1, m1, v1] = tf.engine().runKernel('AdamW', inputs, attrs) as tf.Tensor[];
    weight.assign(p1!);
    m.assign(m1!);
    v.assign(v1!);
    return [];
  });
  return { weight, step: () => tf.tidy(() => void step(tf.tensor2d([[0.1, 0, ++steps]]))) };
}

const isInPlace = (variable: tf.Tensor) => backend.inPlace.holds(backend.dataOf(variable));

/** What each of these is before a training step it still is after it. */
const LOOKALIKES: readonly [string, (weight: tf.Variable) => tf.Tensor][] = [
  ['a clone', (weight) => tf.clone(weight)],
  ['another shape of it', (weight) => tf.reshape(weight, [2000])],
  ['a variable made of a clone', (weight) => tf.variable(tf.clone(weight))],
  ['a product that simplifies away', (weight) => tf.mul(weight, 1)],
  ['a slice that is all of it', (weight) => tf.slice(weight, [0, 0], [50, 40])],
  ['a cast that changes nothing', (weight) => tf.cast(weight, 'float32')],
];

describe('memory that is updated in place', () => {
  describe.each([true, false])('forceNative %s', (forceNative) => {
    it.each(LOOKALIKES)('does not change %s', (_, make) => {
      backend = useOnnxRuntime({ forceNative });
      const { weight, step } = trained();
      step();
      expect(isInPlace(weight)).toBe(true);
      const before = weight.dataSync().slice();
      const other = make(weight);
      // Computed before the step, or recorded and computed because of it.
      const computed = make(weight);
      expect(computed.dataSync()).toEqual(before);
      step();
      step();
      expect(weight.dataSync()).not.toEqual(before);
      expect(isInPlace(weight)).toBe(true);
      expect(other.dataSync()).toEqual(before);
      expect(computed.dataSync()).toEqual(before);
    });

    it('does not change arrays that were read, nor do they change it', () => {
      backend = useOnnxRuntime({ forceNative });
      const { weight, step } = trained();
      step();
      const read = weight.dataSync() as Float32Array;
      const part = tf.tidy(() => tf.slice(weight, [0, 0], [10, 40]).dataSync() as Float32Array);
      const before = read.slice();
      step();
      expect(read).toEqual(before);
      expect([...part]).toEqual([...before.subarray(0, 400)]);
      const now = weight.dataSync().slice();
      read.fill(0);
      expect(weight.dataSync()).toEqual(now);
    });
  });

  it('is told from its clones inside a compiled function', () => {
    const { weight, step } = trained();
    step();
    const start = tf.clone(weight);
    const average = tf.variable(tf.clone(weight), false);
    const moved = compile(() => ({
      fromStart: tf.sum(tf.abs(tf.sub(weight, start))),
      fromAverage: tf.sum(tf.abs(tf.sub(weight, average))),
    }));
    const read = () => Object.values(moved()).map((t) => t.dataSync()[0]!);
    expect(read()).toEqual([0, 0]);
    step();
    for (const distance of read()) expect(distance).toBeGreaterThan(1);
    average.assign(weight);
    step();
    const [fromStart, fromAverage] = read();
    expect(fromAverage).toBeGreaterThan(1);
    expect(fromStart).toBeGreaterThan(fromAverage!);
  });

  it('is copied into an exported model', () => {
    const { weight, step } = trained();
    step();
    const { graph } = exportOnnx((x: tf.Tensor) => tf.add(x, weight), [tf.zeros([50, 40])]);
    const exported = graph.initializers.find(({ data }) => data.length === 2000)!.data;
    const before = exported.slice();
    step();
    expect(exported).toEqual(before);
  });
});

describe('an array handed out', () => {
  /** Sizes that are computed without a session, in one, and that are kept in memory of several tensors. */
  const SIZES = [10, 5_000, 100_000];

  it.each(SIZES)('stays as it is after its tensor and others are gone (%i elements)', (size) => {
    useOnnxRuntime();
    const compiled = compile((x: tf.Tensor) => ({ sum: tf.add(x, 1), same: x, part: tf.slice(x, [0], [size >> 1]) }));
    const handed: { values: Float32Array; copy: Float32Array }[] = [];
    const keep = (tensor: tf.Tensor) => {
      const values = tensor.dataSync() as Float32Array;
      handed.push({ values, copy: values.slice() });
      tensor.dispose();
    };
    for (let round = 0; round < 20; round++) {
      const x = tf.fill([size], round);
      const written = tf.tensor1d(Float32Array.from({ length: size }, (_, i) => i + round));
      for (const tensor of Object.values(compiled(written))) keep(tensor);
      keep(tf.mul(tf.exp(tf.mul(x, 0.01)), written));
      keep(tf.mul(written, 1));
      keep(tf.clone(written));
      tf.dispose([x, written]);
    }
    expect(
      handed.every(
        ({ values, copy }) => Buffer.compare(Buffer.from(values.slice().buffer), Buffer.from(copy.buffer)) === 0,
      ),
    ).toBe(true);
  });

  it('can be moved to another thread without taking other tensors along', () => {
    const [a, b] = [1, 2].map((value) => tf.tensor1d(new Float32Array(50_000).fill(value))) as [tf.Tensor, tf.Tensor];
    for (const tensor of [a, tf.mul(a, 1), compile((x: tf.Tensor) => x)(a)]) {
      const values = tensor.dataSync() as Float32Array;
      expect(values.buffer.byteLength).toBe(values.byteLength);
    }
    structuredClone(a.dataSync(), { transfer: [(a.dataSync() as Float32Array).buffer] });
    expect(b.dataSync()[0]).toBe(2);
    expect(a.dataSync()[0]).toBe(1);
  });
});
