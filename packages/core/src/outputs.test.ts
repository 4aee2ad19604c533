import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  buffersOf,
  checkEncoded,
  checkFused,
  checkLossOutput,
  checkTextTensors,
  parametersOf,
  pixelShape,
  ShapeError,
  stateless,
  tokenShape,
} from './index.js';

describe('what parts give', () => {
  it.each([
    ['checkEncoded', { pooled: tf.ones([2, 3]), sequence: tf.ones([2, 5, 3]), mask: tf.ones([2, 5]) }, undefined],
    ['checkEncoded', { pooled: tf.ones([2, 4]), sequence: tf.ones([2, 5, 3]) }, /pooled of shape \[B,3\], got \[2,4\]/],
    ['checkEncoded', { pooled: tf.ones([2, 3]), sequence: tf.ones([1, 5, 3]) }, /sequence of shape \[2,T,3\]/],
    [
      'checkEncoded',
      { pooled: tf.ones([2, 3]), sequence: tf.ones([2, 5, 3]), mask: tf.ones([2, 4]) },
      /mask of shape \[2,5\]/,
    ],
    ['checkFused', { fused: tf.ones([2, 3]), attention: { pair: tf.ones([2, 1, 2, 2]) } }, undefined],
    ['checkFused', { fused: tf.ones([2, 6]) }, /fused of shape \[B,3\], got \[2,6\]/],
    ['checkFused', { fused: tf.ones([2, 3]), attention: { pair: tf.ones([2, 2]) } }, /attention\.pair/],
    ['checkLossOutput', { loss: tf.scalar(1), parts: { a: tf.scalar(2) } }, undefined],
    ['checkLossOutput', { loss: tf.ones([2]), parts: {} }, /loss of shape \[\], got \[2\]; reduce it first/],
    ['checkLossOutput', { loss: tf.scalar(1), parts: { a: tf.ones([1]) } }, /parts\.a/],
    [
      'checkTextTensors',
      { inputIds: tf.ones([2, 4]), attentionMask: tf.ones([2, 3]) },
      /attentionMask of shape \[2,4\]/,
    ],
  ] as const)('%s %#', (check, output, message) => {
    const checks = { checkEncoded, checkFused, checkLossOutput, checkTextTensors };
    const run = () => checks[check]('here', output as never, 3);
    if (message === undefined) expect(run()).toBe(output);
    else expect(run).toThrow(message);
    if (message !== undefined) expect(run).toThrow(ShapeError);
  });
});

describe('what batches hold', () => {
  it('is measured', () => {
    expect(pixelShape({ data: new Float32Array(24), shape: [2, 2, 2, 3] })).toEqual([2, 2, 2, 3]);
    expect(() => pixelShape({ data: new Float32Array(23), shape: [2, 2, 2, 3] }, 'batch')).toThrow(
      /batch: expected 24 entries in pixels\.data, for shape \[2,2,2,3\], got 23/,
    );
    expect(() => pixelShape({ data: new Float32Array(4), shape: [2, 2] })).toThrow(/\[B, height, width, channels\]/);
    const ids = new Int32Array(6);
    expect(tokenShape({ inputIds: ids, attentionMask: ids, shape: [2, 3] })).toEqual([2, 3]);
    expect(() => tokenShape({ inputIds: ids, attentionMask: new Int32Array(5), shape: [2, 3] })).toThrow(
      /6 entries in tokens\.attentionMask/,
    );
    expect(() => tokenShape({ inputIds: ids, attentionMask: ids } as never)).toThrow(ShapeError);
  });
});

describe('parametersOf and buffersOf', () => {
  it('name variables under a prefix and refuse anything else', () => {
    const weight = tf.variable(tf.scalar(1));
    const part = { ...stateless, namedParameters: () => [['weight', weight]], namedBuffers: () => [['b']] };
    expect(parametersOf(part, 'head')).toEqual([['head.weight', weight]]);
    expect(() => buffersOf(part)).toThrow(/rows of a name and a tf\.Variable.*got \[string\]/);
    expect(() => parametersOf({ namedParameters: () => [weight] as never })).toThrow(/namedParameters: expected rows/);
  });
});
