import '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type OnnxRuntimeBackend, useOnnxRuntime } from './index.js';

/** A small network with everything a step of our models uses; returns loss and gradients. */
function step(seed: number) {
  const random = (shape: number[], scale = 1) => tf.randomNormal(shape, 0, scale, 'float32', seed++);
  const variables = {
    stem: tf.variable(random([8, 3, 3, 3], 0.3)),
    filter: tf.variable(random([16, 8, 3, 3], 0.2)),
    point: tf.variable(random([16, 16, 1, 1], 0.2)),
    gamma: tf.variable(tf.add(random([16], 0.1), 1)),
    beta: tf.variable(random([16], 0.1)),
    table: tf.variable(random([20, 16], 0.5)),
    query: tf.variable(random([16, 16], 0.3)),
    project: tf.variable(random([16, 16], 0.3)),
    scale: tf.variable(tf.scalar(0.5)),
  };
  const pixels = random([4, 16, 16, 3]);
  const ids = tf.tensor2d(
    Int32Array.from({ length: 20 }, (_, i) => (i * 7) % 20),
    [4, 5],
    'int32',
  );
  const conv = (x: tf.Tensor, w: tf.Variable, stride: number, pad: number) =>
    tf.conv2d(
      tf.pad(x as tf.Tensor4D, [[0, 0], [pad, pad], [pad, pad], [0, 0]]) as tf.Tensor4D,
      tf.transpose(w, [2, 3, 1, 0]) as tf.Tensor4D,
      stride,
      'valid',
    ); // biome-ignore format: short
  const norm = (x: tf.Tensor) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const y = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
    return tf.add(tf.mul(y, variables.gamma), variables.beta);
  };
  const loss = () => {
    let x: tf.Tensor = tf.relu(conv(pixels, variables.stem, 1, 1));
    x = tf.maxPool(tf.pad(x as tf.Tensor4D, [[0, 0], [1, 1], [1, 1], [0, 0]]) as tf.Tensor4D, 3, 2, 'valid'); // biome-ignore format: short
    x = tf.relu(norm(conv(x, variables.filter, 2, 1)));
    x = tf.relu(norm(tf.add(x, conv(x, variables.point, 1, 0))));
    const image = tf.mean(x, [1, 2]);
    const t = tf.gather(variables.table, ids);
    const q = tf.transpose(
      tf.reshape(tf.matMul(tf.reshape(t, [20, 16]), variables.query, false, true), [4, 5, 2, 8]),
      [0, 2, 1, 3],
    );
    const weights = tf.softmax(tf.mul(tf.matMul(q, q, false, true), 0.3));
    const mixed = tf.reshape(tf.transpose(tf.matMul(weights, q), [0, 2, 1, 3]), [4, 5, 16]);
    const centred = tf.sub(mixed, tf.mean(mixed, -1, true));
    const normed = tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5)));
    const gelu = tf.mul(tf.mul(normed, 0.5), tf.add(tf.erf(tf.mul(normed, Math.SQRT1_2)), 1));
    const text = tf.matMul(tf.reshape(tf.slice(gelu, [0, 0, 0], [4, 1, 16]), [4, 16]), variables.project);
    const l2 = (v: tf.Tensor) => tf.div(v, tf.sqrt(tf.add(tf.sum(tf.square(v), -1, true), 1e-12)));
    const logits = tf.mul(tf.matMul(l2(image), l2(text), false, true), tf.exp(variables.scale));
    const hot = tf.cast(tf.oneHot(tf.range(0, 4, 1, 'int32'), 4), 'float32');
    const entropy = (z: tf.Tensor) => tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(z), hot), -1)));
    return tf.mul(tf.add(entropy(logits), entropy(tf.transpose(logits))), 0.5) as tf.Scalar;
  };
  const { value, grads } = tf.variableGrads(loss, Object.values(variables));
  const result = { loss: value.dataSync()[0]!, grads: {} as Record<string, Float32Array> };
  for (const [name, variable] of Object.entries(variables)) {
    result.grads[name] = grads[variable.name]!.dataSync() as Float32Array;
  }
  tf.dispose([pixels, ids, value, grads, variables]);
  return result;
}

describe('OnnxRuntimeBackend', () => {
  let backend: OnnxRuntimeBackend;
  beforeAll(() => {
    backend = useOnnxRuntime({ forceNative: true });
  });

  it('exchanges tensors with another backend, complex and string ones too', () => {
    tf.setBackend('cpu');
    const [x, names] = [tf.tensor1d([1, 2, 3]), tf.tensor1d(['a', 'b'])];
    const wave = tf.complex([1, 2], [3, 4]);
    tf.setBackend('onnxruntime');
    const doubled = tf.add(x, tf.scalar(1));
    expect([...tf.real(wave).dataSync()]).toEqual([1, 2]);
    expect([...wave.dataSync()]).toEqual([1, 3, 2, 4]);
    expect(names.dataSync()).toEqual(['a', 'b']);
    tf.setBackend('cpu');
    expect([...tf.mul(doubled, tf.scalar(2)).dataSync()]).toEqual([4, 6, 8]);
    tf.setBackend('onnxruntime');
    tf.dispose([x, names, wave, doubled]);
  });

  it.each([true, false])('shares the gradient of average pooling among real cells (native: %s)', (forceNative) => {
    useOnnxRuntime({ forceNative });
    const x = tf.reshape(tf.range(0, 9), [1, 3, 3, 1]);
    const f = (image: tf.Tensor) => tf.sum(tf.avgPool(image as tf.Tensor4D, 2, 1, 'same')) as tf.Scalar;
    const gradient = tf
      .grad((image: tf.Tensor) => f(image))(x)
      .dataSync();
    for (const [i, slope] of gradient.entries()) {
      const nudge = tf.tensor4d(
        Float32Array.from({ length: 9 }, (_, j) => Number(i === j)),
        [1, 3, 3, 1],
      );
      const difference = tf.sub(f(tf.add(x, nudge)), f(x)).dataSync()[0];
      expect(slope).toBeCloseTo(difference!, 4);
    }
    backend = useOnnxRuntime({ forceNative: true });
  });

  it('computes what the portable backend computes', () => {
    const before = tf.memory().numTensors;
    const ours = tf.tidy(() => step(1));
    expect(tf.memory().numTensors).toBe(before);
    tf.setBackend('cpu');
    const reference = tf.tidy(() => step(1));
    tf.setBackend('onnxruntime');
    expect(ours.loss).toBeCloseTo(reference.loss, 5);
    for (const [name, expected] of Object.entries(reference.grads)) {
      const largest = Math.max(...expected.map(Math.abs));
      const error = Math.max(...expected.map((value, i) => Math.abs(value - ours.grads[name]![i]!)));
      expect(error / largest, name).toBeLessThan(1e-4);
    }
    const fallbacks = Object.entries(backend.stats().kernels).filter(([, calls]) => calls.fallback > 0);
    expect(fallbacks.map(([name]) => name)).toEqual([]);
  });
});
