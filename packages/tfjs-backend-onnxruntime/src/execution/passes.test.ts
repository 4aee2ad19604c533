import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileFunction, skippedPasses } from '@diptych/graph/engine';
import { BatchNorm2d, Conv2d, Dropout, Generator, gelu, LayerNorm, Linear } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { type OnnxRuntimeOptions, useOnnxRuntime } from '../index.js';
import { BAKE_WEIGHTS, PASS_NAMES } from './passes.js';

const SKIPPED = Symbol.for('diptych.skippedPasses');

/** A convolutional and an attention block, with every pattern that some pass rewrites. */
function network() {
  const generator = new Generator(5);
  const stem = new Conv2d(3, 8, 1, { generator });
  const conv = new Conv2d(8, 8, 3, { padding: 1, bias: false, generator });
  const batchNorm = new BatchNorm2d(8);
  const linear = new Linear(8, 16, { generator });
  const layerNorm = new LayerNorm(16);
  const dropout = new Dropout(0.2);
  dropout.bindPaths('dropout');
  const weights = [
    stem.weight,
    conv.weight,
    batchNorm.weight,
    batchNorm.bias,
    linear.weight,
    linear.bias!,
    layerNorm.weight,
  ];
  const forward = (pixels: tf.Tensor, state?: tf.Tensor) => {
    const context = (state ? { training: true, random: { state } } : { training: false }) as never;
    const convolved = conv.forward(stem.forward(pixels as tf.Tensor4D));
    const features = tf.relu(batchNorm.forward(convolved, context));
    const tokens = tf.reshape(features, [features.shape[0]!, -1, 8]);
    const hidden = dropout.forward(gelu(layerNorm.forward(linear.forward(tokens))), context);
    const mixed = tf.matMul(tf.softmax(tf.mul(tf.matMul(hidden, hidden, false, true), 0.25)), hidden);
    const first = tf.slice(tf.tanh(mixed), [0, 0, 0], [mixed.shape[0]!, 1, 16]);
    return tf.add(tf.mean(mixed, 1), tf.reshape(first, [-1, 16]));
  };
  const train = (pixels: tf.Tensor, state: tf.Tensor) => {
    const { value, grads } = tf.variableGrads(() => tf.mean(tf.square(forward(pixels, state))), weights);
    const gradients = weights.map((weight) => grads[weight.name]!);
    const norm = tf.sqrt(tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient)))));
    const [parameter, scale] = [linear.weight, tf.minimum(1, tf.div(0.01, norm))];
    const moments = { expAvg: tf.mul(parameter, 0.1), expAvgSq: tf.square(parameter) };
    const rates = { learningRate: tf.scalar(0.01), weightDecay: tf.scalar(0.1), step: tf.scalar(3) };
    const inputs = { parameter, gradient: tf.mul(grads[parameter.name]!, scale), ...moments, ...rates };
    const updated: tf.Tensor[] = tf.engine().runKernel('AdamW', inputs, { beta1: 0.9, beta2: 0.99, eps: 1e-8 });
    return [value, norm, ...gradients, tf.where(tf.isFinite(norm), updated[0]!, parameter)];
  };
  return { forward: (pixels: tf.Tensor) => [forward(pixels)], train };
}

type Run = Record<'forward' | 'train', { values: Float32Array[]; program: string }>;

/** Values and programs of the network without some passes. */
function run(...skipped: string[]): Run {
  const backend = useOnnxRuntime({ forceNative: true, [SKIPPED]: skipped } as OnnxRuntimeOptions);
  const { forward, train } = network();
  const pixels = tf.randomNormal([8, 6, 6, 3], 0, 1, 'float32', 3);
  const state = tf.tensor1d([1, 2, 0], 'int32');
  const collect = <Args extends tf.Tensor[]>(fn: (...args: Args) => tf.Tensor[], ...args: Args) => {
    const compiled = compileFunction(backend, fn);
    const values = compiled(...args).map((result) => result.dataSync() as Float32Array);
    const program = compiled.programs()[0]!;
    compiled.dispose();
    return { values, program };
  };
  return { forward: collect(forward, pixels), train: collect(train, pixels, state) };
}

/** Largest difference relative to the largest expected element. */
function relativeError(actual: Float32Array, expected: Float32Array): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0) / largest;
}

describe('passes', () => {
  afterEach(() => {
    tf.disposeVariables();
    useOnnxRuntime();
  });

  const rewriting = PASS_NAMES.filter((name) => name !== BAKE_WEIGHTS);

  it.each(PASS_NAMES)('%s keeps values and gradients', (name) => {
    const [all, without] = [run(), run(name)];
    for (const part of ['forward', 'train'] as const) {
      all[part].values.forEach((values, i) => {
        expect(relativeError(values, without[part].values[i]!), `${part} ${i}`).toBeLessThan(2e-5);
      });
    }
  });

  it.each(rewriting)('%s finds something to rewrite', (name) => {
    const [all, without] = [run(), run(name)];
    expect([all.forward.program, all.train.program]).not.toEqual([without.forward.program, without.train.program]);
  });

  it('may all be left out together', () => {
    const [all, without] = [run(), run(...PASS_NAMES)];
    all.train.values.forEach((values, i) => {
      expect(relativeError(values, without.train.values[i]!), `result ${i}`).toBeLessThan(2e-5);
    });
  });

  it('are not followed by fusions of ONNX Runtime that cost time', () => {
    const folder = mkdtempSync(join(tmpdir(), 'diptych-passes-'));
    const optimizedModelFilePath = join(folder, 'optimized.onnx');
    const backend = useOnnxRuntime({ forceNative: true, session: { optimizedModelFilePath } });
    const [linear, norm] = [new Linear(64, 64, { generator: new Generator(1) }), new LayerNorm(64)];
    const block = compileFunction(backend, (x: tf.Tensor) => norm.forward(tf.add(x, linear.forward(x))));
    block(tf.ones([2, 8, 64])).dispose();
    block.dispose();
    const model = readFileSync(optimizedModelFilePath, 'latin1');
    expect(model.includes('LayerNormalization')).toBe(true);
    expect(model.includes('SkipLayerNormalization')).toBe(false);
    rmSync(folder, { recursive: true });
  });

  it('have names that are checked', () => {
    expect(() => skippedPasses('onnxruntime', { [SKIPPED]: ['fuseEverything'] }, PASS_NAMES)).toThrow(/fuseEverything/);
  });
});
