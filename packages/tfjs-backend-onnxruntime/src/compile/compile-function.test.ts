import { compileFunction } from '@diptych/graph/engine';
import { compile } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OnnxRuntimeBackend, useOnnxRuntime } from '../index.js';

let backend: OnnxRuntimeBackend;

beforeEach(() => {
  backend = useOnnxRuntime();
});

afterEach(() => {
  tf.disposeVariables();
});

const OPTIONS = { beta1: 0.9, beta2: 0.99, eps: 1e-6 };

/** A parameter with its AdamW moments. */
function trained(values: tf.Tensor) {
  const parameter = tf.variable(values);
  return {
    parameter,
    m: tf.variable(tf.zerosLike(values), false),
    v: tf.variable(tf.zerosLike(values), false),
  };
}

type Trained = ReturnType<typeof trained>;

/** The shared step around an optimizer, as @diptych/train has it: norm, clipping, updates, nothing where the norm is not finite. */
function adamw(list: Trained[], grads: tf.NamedTensorMap, hyper: tf.Tensor, clipNorm: number | null = null): tf.Tensor {
  const gradients = list.map(({ parameter }) => grads[parameter.name]!);
  const squares: tf.Tensor = tf.engine().runKernel('SumsOfSquares', gradients as unknown as tf.NamedTensorMap);
  const norm = tf.sqrt(tf.sum(squares));
  const scale = clipNorm === null ? undefined : tf.minimum(1, tf.div(clipNorm, tf.add(norm, 1e-6)));
  const healthy = clipNorm === null ? undefined : tf.isFinite(norm);
  for (const [i, { parameter, m, v }] of list.entries()) {
    const [learningRate, weightDecay, step] = [0, 1, 2].map((column) =>
      tf.reshape(tf.slice(hyper, [i, column], [1, 1]), []),
    );
    const gradient = scale ? tf.mul(gradients[i]!, scale) : gradients[i]!;
    const inputs = { parameter, gradient, expAvg: m, expAvgSq: v, learningRate, weightDecay, step };
    const after: tf.Tensor[] = tf.engine().runKernel('AdamW', inputs as tf.NamedTensorMap, OPTIONS);
    for (const [k, variable] of [parameter, m, v].entries()) {
      variable.assign(healthy ? tf.where(healthy, after[k]!, variable) : after[k]!);
    }
  }
  return norm;
}

const hyperOf = (count: number, step: number, rate = 0.05) =>
  tf.tensor2d(Array.from({ length: count }, () => [rate, 0.01, step]));

/** A two-layer perceptron with a batch-norm-like running mean; trains itself on given data. */
function network(seed: number) {
  const random = (shape: number[], s: number) => tf.randomNormal(shape, 0, 0.5, 'float32', s);
  const layers = tf.tidy(() => [
    trained(random([6, 4], seed)),
    trained(random([6], seed + 1)),
    trained(random([3, 6], seed + 2)),
  ]);
  const mean = tf.tidy(() => tf.variable(tf.zeros([6]), false));
  const forward = (x: tf.Tensor) => {
    const hidden = tf.add(tf.matMul(x, layers[0]!.parameter, false, true), layers[1]!.parameter);
    return { hidden, out: tf.matMul(tf.tanh(hidden), layers[2]!.parameter, false, true) };
  };
  const train = (x: tf.Tensor, y: tf.Tensor, hyper: tf.Tensor, momentum = 0.9) => {
    const active = layers.filter(({ parameter }) => parameter.trainable);
    const { value, grads } = tf.variableGrads(
      () => {
        const { hidden, out } = forward(x);
        mean.assign(tf.add(tf.mul(mean, momentum), tf.mul(tf.mean(hidden, 0), 1 - momentum)));
        return tf.mean(tf.square(tf.sub(out, y)));
      },
      active.map(({ parameter }) => parameter),
    );
    const norm = adamw(active, grads, tf.slice(hyper, [0, 0], [active.length, 3]), 1);
    return { loss: value, norm };
  };
  return { layers, mean, forward, train };
}

const batch = (rows: number, seed: number) => ({
  x: tf.randomNormal([rows, 4], 0, 1, 'float32', seed),
  y: tf.randomNormal([rows, 3], 0, 1, 'float32', seed + 50),
});

/** Runs the same steps eagerly and compiled; `change` may interfere with either network before a step. */
function compareWithEager(
  steps: number,
  change: (step: number, net: ReturnType<typeof network>) => void = () => {},
  rowsAt: (step: number) => number = () => 8,
) {
  const [eager, compiled] = [network(7), network(7)];
  const replayed = compile(compiled.train);
  for (let step = 1; step <= steps; step++) {
    change(step, eager);
    change(step, compiled);
    const losses = [eager.train, replayed].map((train) =>
      tf.tidy(() => {
        const { x, y } = batch(rowsAt(step), step);
        const { loss, norm } = train(x, y, hyperOf(3, step));
        return [loss.dataSync()[0]!, norm.dataSync()[0]!];
      }),
    ) as unknown as [number, number][];
    expect(losses[1]![0], `loss at step ${step}`).toBeCloseTo(losses[0]![0], 5);
    expect(losses[1]![1], `norm at step ${step}`).toBeCloseTo(losses[0]![1], 4);
  }
  eager.layers.forEach(({ parameter, m, v }, i) => {
    const other = compiled.layers[i]!;
    for (const [a, b] of [
      [parameter, other.parameter],
      [m, other.m],
      [v, other.v],
    ])
      expectClose(b!, a!);
  });
  expectClose(compiled.mean, eager.mean);
  const inPlace = compiled.layers.flatMap(({ parameter, m, v }) => [parameter, m, v]);
  expect(inPlace.every((variable) => backend.inPlace.holds(backend.dataOf(variable)))).toBe(true);
  replayed.dispose();
}

function expectClose(actual: tf.Tensor, expected: tf.Tensor, tolerance = 2e-5) {
  const [a, b] = [actual.dataSync(), expected.dataSync()];
  expect(a.length).toBe(b.length);
  const worst = Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
  expect(worst).toBeLessThan(tolerance);
}

describe('compile', () => {
  it('trains as eager execution does, over 20 steps, and records once', () => {
    compareWithEager(20);
    expect(backend.stats().compiled.recorded).toBe(1);
  });

  it('records anew when a parameter is unfrozen at step 10', () => {
    compareWithEager(20, (step, net) => {
      net.layers[0]!.parameter.trainable = step >= 10;
    });
    expect(backend.stats().compiled.recorded).toBe(2);
  });

  it('takes over weights that are loaded between steps', () => {
    compareWithEager(20, (step, net) => {
      if (step === 8) tf.tidy(() => net.layers[2]!.parameter.assign(tf.randomNormal([3, 6], 0, 1, 'float32', 99)));
    });
    expect(backend.stats().compiled.recorded).toBe(1);
  });

  it('records a ragged last batch beside the full one', () => {
    compareWithEager(20, undefined, (step) => (step % 5 === 0 ? 3 : 8));
    expect(backend.stats().compiled.recorded).toBe(2);
  });

  it('follows a head swap', () => {
    compareWithEager(20, (step, net) => {
      if (step !== 10) return;
      const old = net.layers[2]!;
      net.layers[2] = tf.tidy(() => trained(tf.randomNormal([3, 6], 0, 0.5, 'float32', 123)));
      tf.dispose([old.parameter, old.m, old.v]);
    });
    expect(backend.stats().compiled.recorded).toBe(2);
  });

  it('keeps clones of variables as they were', () => {
    const net = network(3);
    const train = compile(net.train);
    const run = (step: number) => tf.tidy(() => void train(batch(8, step).x, batch(8, step).y, hyperOf(3, step)));
    run(1);
    const clone = net.layers[0]!.parameter.clone();
    const before = clone.dataSync().slice();
    const pending = tf.add(net.layers[0]!.parameter, 1);
    run(2);
    expect(clone.dataSync()).toEqual(before);
    expect(pending.dataSync()[0]).toBeCloseTo(before[0]! + 1, 5);
    expect(net.layers[0]!.parameter.dataSync()).not.toEqual(before);
  });

  it('leaves variables and the backend as they were when the function throws half way', () => {
    const net = network(4);
    const before = net.layers.map(({ parameter }) => parameter.dataSync().slice());
    const broken = compile((x: tf.Tensor, y: tf.Tensor, hyper: tf.Tensor) => {
      net.train(x, y, hyper);
      throw new Error('half way');
    });
    const { x, y } = batch(8, 1);
    const hyper = hyperOf(3, 1);
    const { numTensors } = tf.memory();
    expect(() => broken(x, y, hyper)).toThrow('half way');
    expect(tf.memory().numTensors).toBe(numTensors);
    for (const [i, { parameter }] of net.layers.entries()) expect(parameter.dataSync()).toEqual(before[i]);
    expect(tf.add(tf.scalar(1), 1).dataSync()[0]).toBe(2);
  });

  it('refuses to read a value, and says which and where', () => {
    const net = network(5);
    const reading = compile((x: tf.Tensor) => tf.exp(x).dataSync()[0]);
    expect(() => reading(tf.scalar(1))).toThrow(/result of Exp.*compile-function\.test\.ts:\d+/s);
    const readsVariable = compile(() => net.mean.dataSync()[0]);
    expect(() => readsVariable()).toThrow(/variable of the compiled function/);
  });

  it('says so when a tensor leaves it other than by return, and goes on', () => {
    let stolen: tf.Tensor | undefined;
    const fn = compile((x: tf.Tensor) => {
      stolen = tf.keep(tf.exp(x));
      return tf.neg(x);
    });
    expect(fn(tf.scalar(2)).dataSync()[0]).toBe(-2);
    expect(() => stolen!.dataSync()).toThrow(/return it from the function/);
    stolen!.dispose();
    expect(fn(tf.scalar(3)).dataSync()[0]).toBe(-3);
  });

  it('works after a run that ONNX Runtime refused', () => {
    const look = compile((table: tf.Tensor, ids: tf.Tensor) => tf.gather(table, ids));
    const table = tf.range(0, 10);
    expect(() => look(table, tf.tensor1d([3, 99], 'int32'))).toThrow(/Gather/);
    expect([...look(table, tf.tensor1d([3, 4], 'int32')).dataSync()]).toEqual([3, 4]);
  });

  it('takes and returns nested values, static ones included', () => {
    const fn = compile((input: { a: tf.Tensor; list: tf.Tensor[] }, factor: number, label: string) => ({
      sum: tf.add(input.a, input.list[1]!),
      product: [tf.mul(input.list[0]!, factor), { label, same: input.a, none: null as unknown as number }],
    }));
    const [a, b, c] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 4]), tf.tensor1d([5, 6])];
    for (const factor of [2, 2, 3]) {
      const result = fn({ a, list: [b, c] }, factor, 'x');
      expect([...result.sum.dataSync()]).toEqual([6, 8]);
      expect([...(result.product[0] as tf.Tensor).dataSync()]).toEqual([3 * factor, 4 * factor]);
      const inner = result.product[1] as unknown as { label: string; same: tf.Tensor; none: null };
      expect(inner.label).toBe('x');
      expect(inner.none).toBeNull();
      expect(inner.same).not.toBe(a);
      inner.same.dispose();
      expect([...a.dataSync()]).toEqual([1, 2]);
    }
    expect(backend.stats().compiled.recorded).toBe(2);
    expect(() => compile((x: unknown) => x)(new Map())).toThrow(/plain object/);
  });

  it('trains two models at once', () => {
    const nets = [network(11), network(12)];
    const references = [network(11), network(12)];
    const trains = nets.map((net) => compile(net.train));
    for (let step = 1; step <= 5; step++) {
      for (const [i, train] of trains.entries()) {
        tf.tidy(() => {
          const { x, y } = batch(8, step + i);
          train(x, y, hyperOf(3, step));
          references[i]!.train(x, y, hyperOf(3, step));
        });
      }
    }
    for (const [i, net] of nets.entries()) expectClose(net.layers[0]!.parameter, references[i]!.layers[0]!.parameter);
  });

  it('reads a parameter again after its update', () => {
    const scale = tf.tidy(() => trained(tf.tensor1d([4.6])));
    const other = tf.tidy(() => trained(tf.tensor1d([1, 2])));
    const step = compile((x: tf.Tensor, hyper: tf.Tensor) => {
      const { value, grads } = tf.variableGrads(
        () => tf.sum(tf.mul(tf.neg(scale.parameter), tf.mul(x, other.parameter))),
        [scale.parameter, other.parameter],
      );
      adamw([scale, other], grads, hyper);
      scale.parameter.assign(tf.clipByValue(scale.parameter, 0, 4.62));
      return value;
    });
    tf.tidy(() => step(tf.tensor1d([1, 1]), hyperOf(2, 1, 1)));
    expect(scale.parameter.dataSync()[0]).toBeCloseTo(4.62, 5);
    tf.tidy(() => step(tf.tensor1d([1, 1]), hyperOf(2, 2, 1)));
    expect(scale.parameter.dataSync()[0]).toBeCloseTo(4.62, 5);
  });

  it('computes new values in the order in which they are assigned, whatever the age of the variables', () => {
    const [a, b, stateOfA, stateOfB] = tf.tidy(() => [1, 2, 3, 4].map((value) => tf.variable(tf.scalar(value), false)));
    const update = compileFunction(backend, () => {
      a!.assign(tf.tanh(a!));
      stateOfA!.assign(tf.sin(stateOfA!));
      b!.assign(tf.cos(b!));
      stateOfB!.assign(tf.exp(stateOfB!));
      return [];
    });
    update();
    expect(update.programs()[0]!.match(/(?<== )[A-Z][a-z]+/g)).toEqual(['Tanh', 'Sin', 'Cos', 'Exp']);
    expect([a, b, stateOfA, stateOfB].map((variable) => variable!.dataSync()[0])).toEqual(
      [Math.tanh(1), Math.cos(2), Math.sin(3), Math.exp(4)].map((value) => expect.closeTo(value, 5)),
    );
    update.dispose();
  });

  it('can be disposed while it is being recorded, and says so when called afterwards', () => {
    const inner = compileFunction(backend, (x: tf.Tensor) => {
      inner.dispose();
      return tf.mul(x, 3);
    });
    expect(inner(tf.scalar(2)).dataSync()[0]).toBe(6);
    expect(() => inner(tf.scalar(2))).toThrow(/after dispose/);
  });

  it('draws new random numbers at each run, the same as eager execution', () => {
    const draw = (state: tf.Tensor) =>
      tf.engine().runKernel('PhiloxUniform', { state }, { shape: [3, 5], site: 77 }) as tf.Tensor;
    const masked = (x: tf.Tensor, state: tf.Tensor) =>
      tf.div(tf.mul(x, tf.cast(tf.greaterEqual(draw(state), 0.4), 'float32')), 0.6);
    const compiled = compile(masked);
    const x = tf.ones([3, 5]);
    const seen = new Set<string>();
    for (let step = 0; step < 4; step++) {
      const state = tf.tensor1d([5, step, 2], 'int32');
      const [a, b] = [compiled(x, state), masked(x, state)].map((t) => [...t.dataSync()]);
      for (const [i, value] of a!.entries()) expect(value).toBeCloseTo(b![i]!, 5);
      seen.add(a!.join());
    }
    expect(seen.size).toBe(4);
    expect(backend.stats().compiled.recorded).toBe(1);
  });

  it('puts weights into the graph of a function without gradients, and notices when they change', () => {
    const net = network(21);
    const forward = compileFunction(backend, (x: tf.Tensor) => net.forward(x).out);
    const x = tf.randomNormal([5, 4], 0, 1, 'float32', 1);
    const check = () => expectClose(forward(x), net.forward(x).out, 1e-5);
    for (let run = 0; run < 3; run++) check();
    const weights = net.layers[0]!.parameter.dataSync().slice();
    net.layers[0]!.parameter.assign(tf.mul(net.layers[0]!.parameter, 2));
    check();
    expect(net.layers[0]!.parameter.dataSync()[3]).toBeCloseTo(2 * weights[3]!, 5);
    // Long enough to be taken for final again, then trained in place.
    for (let run = 0; run < 12; run++) check();
    const train = compile(net.train);
    for (let step = 1; step < 4; step++) {
      tf.tidy(() => void train(batch(8, step).x, batch(8, step).y, hyperOf(3, step)));
      check();
    }
  });

  it('gives the memory of several lengths back', () => {
    const weight = tf.variable(tf.randomNormal([64, 64], 0, 0.1));
    const fn = compileFunction(
      backend,
      (x: tf.Tensor) => tf.variableGrads(() => tf.sum(tf.relu(tf.matMul(x, weight))), [weight]).value,
    );
    for (const round of [0, 1])
      for (const rows of [300_000, 310_000, 320_000]) {
        const x = tf.fill([rows, 64], 0.01 + round);
        fn(x).dataSync();
        x.dispose();
      }
    expect(backend.stats().compiled.recorded).toBe(3);
    fn.dispose();
  });

  it('leaks no tensors over 200 steps', () => {
    const net = network(2);
    const train = compile(net.train);
    const run = (step: number) =>
      tf.tidy(() => {
        const { x, y } = batch(8, step);
        train(x, y, hyperOf(3, step)).loss.dataSync();
      });
    run(1);
    const before = { ...tf.memory(), ids: backend.numDataIds() };
    for (let step = 2; step < 200; step++) run(step);
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(backend.numDataIds()).toBe(before.ids);
  });
});

describe('embedding gradients', () => {
  /** Rows of a table that are pulled towards ones; `tied` also pulls the whole table, so that its gradient is dense. */
  const trainer = (table: Trained, tied: boolean) =>
    function train(ids: tf.Tensor, hyper: tf.Tensor) {
      const { value, grads } = tf.variableGrads(() => {
        const loss = tf.sum(tf.square(tf.sub(tf.gather(table.parameter, ids as tf.Tensor1D), 1)));
        return (tied ? tf.add(loss, tf.sum(tf.square(table.parameter))) : loss) as tf.Scalar;
      }, [table.parameter]);
      return { value, norm: adamw([table], grads, hyper, 1) };
    };

  it('equal eager ones over steps with other ids, also where a dense gradient takes turns with them', () => {
    const start = tf.randomNormal([50, 8], 0, 1, 'float32', 3);
    const [eager, compiled] = [trained(start), trained(start)];
    const programs = [false, true].map((tied) => compileFunction(backend, trainer(compiled, tied)));
    const plain = [false, true].map((tied) => trainer(eager, tied));
    for (let step = 1; step <= 12; step++) {
      const ids = tf.tensor1d([step, (step * 7) % 50, step, 49], 'int32');
      const which = step % 5 === 3 ? 1 : 0;
      const [expected, got] = [plain, programs].map((sides) =>
        tf.tidy(() => sides[which]!(ids, hyperOf(1, step)).norm.dataSync()[0]!),
      );
      expect(got, `norm at step ${step}`).toBeCloseTo(expected!, 4);
      const [a, b] = [eager, compiled].map(({ parameter }) => parameter.dataSync());
      a!.forEach((value, i) => {
        expect(b![i]).toBeCloseTo(value, 5);
      });
    }
    expect(backend.inPlace.holds(backend.dataOf(compiled.parameter))).toBe(true);
  });
});
