import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Generator, gelu, LayerNorm, Linear } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { beforeEach, describe, expect, it } from 'vitest';
import { exportOnnx, useOnnxRuntime } from '../index.js';

const ort = createRequire(import.meta.url)('onnxruntime-node') as {
  InferenceSession: { create(model: Uint8Array | string): Promise<InferenceSession> };
  Tensor: new (type: string, data: ArrayLike<number>, dims: readonly number[]) => Tensor;
};

/** A Python with onnx, if this machine has one. */
const python = [process.env.DIPTYCH_PYTHON, resolve(import.meta.dirname, '../../../../.cache/venv/bin/python')].find(
  (path) => path && existsSync(path) && hasOnnx(path),
);

function hasOnnx(path: string): boolean {
  try {
    execFileSync(path, ['-c', 'import onnx'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

beforeEach(() => {
  useOnnxRuntime();
});

/** A block with what encoders are made of; tokens [B, T, 8], pictures [B, 8, 8, 3]. */
function model() {
  const generator = new Generator(1);
  const linear = new Linear(8, 16, { generator });
  const norm = new LayerNorm(16);
  const filter = tf.variable(tf.randomNormal([4, 3, 3, 3], 0, 0.3, 'float32', 2));
  const forward = (tokens: tf.Tensor, pictures: tf.Tensor) => {
    const [batch, length] = tokens.shape as [number, number];
    const hidden = gelu(norm.forward(linear.forward(tokens)));
    const heads = tf.transpose(tf.reshape(hidden, [batch, length, 4, 4]), [0, 2, 1, 3]);
    const weights = tf.softmax(tf.matMul(heads, heads, false, true));
    const mixed = tf.reshape(tf.transpose(tf.matMul(weights, heads), [0, 2, 1, 3]), [batch, length, 16]);
    const grid = tf.conv2d(pictures as tf.Tensor4D, tf.transpose(filter, [2, 3, 1, 0]) as tf.Tensor4D, 2, 'same');
    return { mixed, pooled: tf.mean(tf.relu(grid), [1, 2]) };
  };
  return forward;
}

const inputs = (batch: number, length: number) =>
  [
    tf.randomNormal([batch, length, 8], 0, 1, 'float32', 3),
    tf.randomNormal([batch, 8, 8, 3], 0, 1, 'float32', 4),
  ] as const;

const options = {
  inputNames: ['tokens', 'pictures'],
  outputNames: ['mixed', 'pooled'],
  dynamicAxes: { tokens: { 0: 'batch', 1: 'length' }, pictures: { 0: 'batch' } },
};

describe('exportOnnx', () => {
  it('computes the same in onnxruntime-node, at sizes of axes that were left open', async () => {
    const forward = model();
    const exported = exportOnnx(forward, [...inputs(2, 5)], options);
    expect(exported.graph.inputs.map(({ name, shape }) => `${name} ${shape}`)).toEqual([
      'tokens batch,length,8',
      'pictures batch,8,8,3',
    ]);
    expect(exported.graph.nodes.every(({ domain }) => !domain)).toBe(true);
    const session = await ort.InferenceSession.create(exported.toBytes());
    for (const [batch, length] of [
      [2, 5],
      [1, 9],
      [7, 3],
    ] as const) {
      const [tokens, pictures] = inputs(batch, length);
      const expected = forward(tokens, pictures);
      const results = await session.run({
        tokens: new ort.Tensor('float32', tokens.dataSync(), tokens.shape),
        pictures: new ort.Tensor('float32', pictures.dataSync(), pictures.shape),
      });
      for (const name of ['mixed', 'pooled'] as const) {
        const values = expected[name].dataSync();
        expect(results[name]!.dims).toEqual(expected[name].shape);
        const worst = Math.max(...values.map((value, i) => Math.abs(value - (results[name]!.data[i] as number))));
        expect(worst).toBeLessThan(1e-5);
      }
    }
    await session.release();
  });

  it('keeps fixed sizes by default', () => {
    const exported = exportOnnx((x: tf.Tensor) => [tf.mul(x, 2), x], [tf.ones([2, 3])]);
    expect(exported.graph.inputs).toEqual([{ name: 'input_0', dtype: 'float32', shape: [2, 3] }]);
    expect(exported.graph.outputs.map(({ name }) => name)).toEqual(['output_0', 'output_1']);
  });

  it.runIf(python)('passes onnx.checker', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'export-')), 'model.onnx');
    await exportOnnx(model(), [...inputs(2, 5)], options).save(path, { externalData: true });
    execFileSync(python!, ['-c', 'import onnx, sys; onnx.checker.check_model(sys.argv[1], full_check=True)', path]);
  });

  it('says what cannot be exported', () => {
    const state = tf.variable(tf.scalar(1));
    const assigns = (x: tf.Tensor) => {
      state.assign(tf.add(state, 1));
      return tf.mul(x, state);
    };
    expect(() => exportOnnx(assigns, [tf.ones([2])])).toThrow(/assigns variable/);
    expect(() => exportOnnx((x: tf.Tensor) => tf.neg(x), [tf.ones([2])], { inputNames: [] })).toThrow(
      /1 different names/,
    );
    const halves = (x: tf.Tensor) => tf.slice(x, [0], [Math.ceil(x.shape[0]! / 2)]);
    const open = { inputNames: ['x'], dynamicAxes: { x: { 0: 'n' } } };
    expect(() => exportOnnx(halves, [tf.ones([4])], open)).toThrow(/no multiple|another operator/);
    expect(() => exportOnnx(halves, [tf.ones([4])], { inputNames: ['x'], dynamicAxes: { y: { 0: 'n' } } })).toThrow(
      /axis of it/,
    );
  });
});
