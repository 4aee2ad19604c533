import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { causalBias, Generator, gelu, LayerNorm, Linear } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { beforeEach, describe, expect, it } from 'vitest';
import { exportOnnx, runOnnx, useOnnxRuntime } from '../index.js';

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

  const width = 6;
  const table = tf.variable(tf.randomNormal([9, width], 0, 1, 'float32', 8));
  const token = tf.variable(tf.randomNormal([1, 1, width], 0, 1, 'float32', 9));
  const reductions: readonly [string, (x: tf.Tensor3D) => tf.Tensor][] = [
    ['the mean over the batch', (x) => tf.mean(x, 0)],
    ['a sum over the batch, divided by its size', (x) => tf.div(tf.sum(x, 0), x.shape[0])],
    ['a sum over everything, divided by its size', (x) => tf.div(tf.sum(x), x.size)],
    ['scores divided by the root of the length', (x) => tf.mul(tf.matMul(x, x, false, true), 1 / Math.sqrt(x.shape[1]))],
    ['a matrix summed over its rows', (x) => tf.sum(tf.reshape(x, [-1, width]), 0)],
    ['a wide matrix summed over its rows', (x) => tf.sum(tf.tile(tf.reshape(x, [-1, width]), [1, 20]), 0)],
    ['products of small transposed matrices', (x) => tf.matMul(x, x, true, false)],
    ['variance over the batch', (x) => tf.moments(x, [0, 1]).variance],
    ['the largest of each text', (x) => tf.max(x, [1, 2])],
    ['a token before the others', (x) => tf.concat([tf.tile(token, [x.shape[0], 1, 1]), x], 1)],
    ['all but the last token', (x) => tf.slice(x, [0, 0, 0], [-1, x.shape[1] - 1, -1])],
    ['positions from a table', (x) => tf.add(x, tf.slice(table, [0, 0], [x.shape[1], width]))],
    ['positions by a range', (x) => tf.add(x, tf.gather(table, tf.range(0, x.shape[1], 1, 'int32')))],
    ['positions by a range in steps', (x) => tf.add(x, tf.reshape(tf.range(1, 1 + 0.5 * x.shape[1], 0.5), [1, -1, 1]))],
    ['ones as many as tokens', (x) => tf.sum(tf.mul(x, tf.ones([x.shape[0], x.shape[1], 1])), 1)],
    ['every text with every other', (x) => tf.matMul(tf.mean(x, 1), tf.mean(x, 1), false, true)],
    ['rows of both axes as one', (x) => tf.softmax(tf.reshape(x, [x.shape[0] * x.shape[1], width]))],
    ['a causal bias', (x) => tf.add(tf.matMul(x, x, false, true), tf.squeeze(causalBias(x.shape[1]), [0]))],
  ]; // biome-ignore format: a table

  it.each(reductions)('leaves sizes open in %s, whatever the example', async (_, f) => {
    for (const [batch, length] of [[1, 9], [1, 1], [8, 2], [4, 4]] as const) {
      if (f(tf.zeros([batch, length, width])).size === 0) continue;
      const exported = exportOnnx(f, [tf.zeros<tf.Rank.R3>([batch, length, width])], {
        inputNames: ['x'],
        dynamicAxes: { x: { 0: 'batch', 1: 'length' } },
      });
      const model = exported.toBytes();
      for (const shape of [[1, 9, width], [5, 3, width], [2, 2, width]] as [number, number, number][]) {
        const x: tf.Tensor3D = tf.randomNormal(shape, 0, 1, 'float32', 3);
        const [expected, { output_0: got }] = [f(x), runOnnx(model, { x })];
        expect(got!.shape).toEqual(expected.shape);
        expect(tf.max(tf.abs(tf.sub(got!, expected))).dataSync()[0], `${batch}x${length} at ${shape}`).toBeLessThan(1e-5);
      }
    }
  }); // biome-ignore format: a table

  it('takes ids as int64, and refuses names that meet inside the graph', () => {
    const look = (ids: tf.Tensor2D) => tf.gather(table, ids);
    const ids = tf.tensor2d([[1, 2, 8]], [1, 3], 'int32');
    const options = { inputNames: ['input_ids'], dynamicAxes: { input_ids: { 0: 'batch', 1: 'length' } } };
    const exported = exportOnnx(look, [ids], { ...options, int64Inputs: ['input_ids'] });
    expect(exported.graph.inputs).toEqual([{ name: 'input_ids', dtype: 'int64', shape: ['batch', 'length'] }]);
    const { output_0: rows } = runOnnx(exported.toBytes(), { input_ids: ids });
    expect(rows!.dataSync()).toEqual(look(ids).dataSync());
    expect(() => exportOnnx(look, [ids], { ...options, int64Inputs: ['ids'] })).toThrow(/names of int32 inputs/);
    const inside = exportOnnx(look, [ids]).graph.nodes[0]!.outputs[0]!;
    expect(() => exportOnnx(look, [ids], { inputNames: [inside] })).toThrow(/differ from each other/);
    expect(() => exportOnnx(look, [ids], { inputNames: ['x'], outputNames: ['x'] })).toThrow(/'x' twice/);
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
    expect(() => exportOnnx(halves, [tf.ones([4])], open)).toThrow(
      /2, 2, 1 at sizes 4, 3, 2, which is no sum of products/,
    );
    expect(() => exportOnnx(halves, [tf.ones([4])], { inputNames: ['x'], dynamicAxes: { y: { 0: 'n' } } })).toThrow(
      /axis of it/,
    );
  });
});
