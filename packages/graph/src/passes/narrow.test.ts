import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Recorder, registerRecorder, useRecorder } from '../../test/recorder.js';
import { extractProgram, narrow, printProgram, simplify } from '../index.js';

let backend: Recorder;

beforeAll(registerRecorder);
beforeEach(() => {
  backend = useRecorder();
});
afterAll(() => {
  tf.removeBackend('recorder');
});

let seed = 0;
const leaf = <R extends tf.Rank = tf.Rank>(...shape: number[]) =>
  tf.tensor<R>(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + ++seed),
    shape as never,
  );
const recorded = (...outputs: tf.Tensor[]) =>
  simplify(extractProgram(outputs.map((output) => backend.graphValue(output))), (value) => value.size < 3);
const text = (...outputs: tf.Tensor[]) => printProgram(narrow(recorded(...outputs)));
const lines = (program: string) => program.split('\n').slice(1, -1);

/** Token `at` of each row, [B, T, D] -> [B, D]. */
const token = (x: tf.Tensor, at = 0) => {
  const [batch, , width] = x.shape as [number, number, number];
  return tf.reshape(tf.slice(x, [0, at, 0], [batch, 1, width]), [batch, width]);
};
const linear = (x: tf.Tensor, weight: tf.Tensor2D, bias: tf.Tensor) => {
  const [batch, length, width] = x.shape as [number, number, number];
  const product = tf.matMul(tf.reshape(x, [batch * length, width]), weight, false, true);
  return tf.reshape(tf.add(product, bias), [batch, length, weight.shape[0]]);
};

describe('narrow', () => {
  it('computes one token where one is read, through products of all tokens as one matrix', () => {
    const [x, weight, bias] = [leaf(2, 5, 3), leaf<tf.Rank.R2>(4, 3), leaf(4)];
    expect(text(token(tf.relu(linear(x, weight, bias))))).toBe(
      [
        'inputs %in0: f32[2,5,3], %in1: f32[4,3], %in2: f32[4]',
        '%0: f32[2,1,3] = Slice(%in0) {begin=[0,0,0] size=[2,1,3]}',
        '%1: f32[2,3] = Reshape(%0) {shape=[2,3]}',
        '%2: f32[2,4] = BatchMatMul(%1, %in1) {transposeA=false transposeB=true}',
        '%3: f32[2,4] = Add(%2, %in2)',
        '%4: f32[2,1,4] = Reshape(%3) {shape=[2,1,4]}',
        '%5: f32[2,1,4] = Relu(%4)',
        '%6: f32[2,4] = Reshape(%5) {shape=[2,4]}',
        'outputs %6',
      ].join('\n'),
    );
  });

  it('asks one query of all keys', () => {
    const [q, k, v] = [leaf<tf.Rank.R4>(2, 3, 5, 4), leaf<tf.Rank.R4>(2, 3, 5, 4), leaf<tf.Rank.R4>(2, 3, 5, 4)];
    const weights = tf.softmax(tf.mul(tf.matMul(q, k, false, true), 0.5));
    const merged = tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [2, 5, 12]);
    expect(lines(text(token(merged, 2)))).toEqual([
      '%0: f32[2,3,1,4] = Slice(%in0) {begin=[0,0,2,0] size=[2,3,1,4]}',
      '%1: f32[2,3,1,5] = BatchMatMul(%0, %in1) {transposeA=false transposeB=true}',
      '%2: f32[] = Fill() {shape=[] value=0.5 dtype="float32"}',
      '%3: f32[2,3,1,5] = Multiply(%1, %2)',
      '%4: f32[2,3,1,5] = Softmax(%3) {dim=3 axis=3}',
      '%5: f32[2,3,1,4] = BatchMatMul(%4, %in2) {transposeA=false transposeB=false}',
      '%6: f32[2,12] = Reshape(%5) {shape=[2,12]}',
    ]);
  });

  it('keeps the gradient of one token one token, and sums over no zeros', () => {
    const [x, weight, bias] = [leaf(2, 5, 3), leaf<tf.Rank.R2>(4, 3), leaf(4)];
    const read = (a: tf.Tensor, w: tf.Tensor, b: tf.Tensor) => token(linear(a, w as tf.Tensor2D, b));
    const [dx, dWeight, dBias] = tf.grads(read)([x, weight, bias], leaf(2, 4));
    expect(lines(text(dWeight!))).toEqual([
      '%0: f32[2,1,3] = Slice(%in1) {begin=[0,0,0] size=[2,1,3]}',
      '%1: f32[2,3] = Reshape(%0) {shape=[2,3]}',
      '%2: f32[4,3] = BatchMatMul(%in0, %1) {transposeA=true transposeB=false}',
    ]);
    expect(lines(text(dBias!))).toEqual(['%0: f32[4] = Sum(%in0) {axes=[0] axis=[0] keepDims=false}']);
    expect(lines(text(dx!))).toEqual([
      '%0: f32[2,3] = BatchMatMul(%in0, %in1) {transposeA=false transposeB=false}',
      '%1: f32[2,1,3] = Reshape(%0) {shape=[2,1,3]}',
      '%2: f32[2,5,3] = PadV2(%1) {paddings=[[0,0],[0,4],[0,0]] constantValue=0}',
    ]);
  });

  it('draws the same random numbers for the tokens that are read', () => {
    const state = tf.tensor1d([1, 2, 0], 'int32');
    const draw = (shape: number[]) =>
      tf.engine().runKernel('PhiloxUniform', { state }, { shape, site: 7 }) as tf.Tensor;
    const query = tf.slice(draw([2, 3, 5, 6]), [0, 0, 1, 0], [2, 3, 2, 6]);
    expect(lines(text(query))).toEqual([
      '%0: f32[2,3,2,6] = PhiloxUniform(%in0) {shape=[2,3,2,6] site=7 picks={"every":30,"begin":6,"end":18}}',
    ]);
    // rows are told apart by their number, which a part would not know
    expect(lines(text(tf.slice(draw([2, 3]), [1, 0], [1, 3])))[0]).toMatch(/PhiloxUniform.*shape=\[2,3\]/);
  });

  it('joins gradients of parts that lie side by side', () => {
    const [x, weight] = [leaf<tf.Rank.R2>(4, 3), leaf<tf.Rank.R2>(3, 6)];
    const loss = (a: tf.Tensor) => {
      const [q, k, v] = tf.split(tf.matMul(a as tf.Tensor2D, weight), 3, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
      return tf.sum(tf.add(tf.mul(q, tf.exp(k)), tf.exp(v)));
    };
    const program = lines(text(tf.grad(loss)(x)));
    expect(program.filter((line) => /PadV2/.test(line))).toEqual([]);
    expect(program.filter((line) => /= Concat\(%\w+, %\w+, %\w+\)/.test(line))).toHaveLength(1);
  });

  it('takes constant indices that follow one another for a slice, both ways', () => {
    const x = leaf(2, 5, 3);
    const loss = (a: tf.Tensor) => tf.sum(tf.exp(tf.gather(tf.exp(a), tf.tensor1d([1, 2], 'int32'), 1)));
    const program = text(tf.grad(loss)(x));
    expect(program).toMatch(/Slice\(%in1\) {begin=\[0,1,0\] size=\[2,2,3\]}/);
    expect(program).not.toMatch(/Gather|UnsortedSegmentSum|\[2,5,3\] = Exp/);
  });

  it('leaves alone what is read in full, by whomever', () => {
    const hidden = tf.exp(linear(leaf(2, 5, 3), leaf<tf.Rank.R2>(4, 3), leaf(4)));
    const program = recorded(token(hidden), hidden);
    expect(narrow(program)).toBe(program);
    const halves = tf.split(hidden, 2, 2) as [tf.Tensor, tf.Tensor];
    const split = recorded(tf.mul(halves[0], halves[1]));
    expect(narrow(split)).toBe(split);
    const padded = recorded(tf.pad(tf.exp(leaf(1, 4)), [[0, 0], [1, 0]])); // biome-ignore format: a pair an axis
    expect(narrow(padded)).toBe(padded);
  });

  it('computes everything between the first and the last that is read', () => {
    const hidden = tf.exp(leaf(2, 5, 3));
    expect(lines(text(token(hidden, 1), token(hidden, 3)))[1]).toMatch(/f32\[2,3,3\] = Exp/);
  });
});
