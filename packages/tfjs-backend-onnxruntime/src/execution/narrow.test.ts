import { inference } from '@diptych/core';
import { attentionBias, Dropout, Generator, MultiheadAttention, PreNormBlock } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { compareWithPortable } from '../../test/compare.js';
import { useOnnxRuntime } from '../index.js';

beforeEach(() => {
  useOnnxRuntime({ forceNative: true });
});

const generator = new Generator(3);
const training = { training: true, random: { state: tf.tensor1d([1, 2, 5], 'int32') } } as never;
/** All but the bias of keys, whose gradient is zero but for rounding. */
const variablesOf = (module: PreNormBlock | MultiheadAttention) =>
  [...module.namedParameters()].flatMap(([name, variable]) => (name.endsWith('k_proj.bias') ? [] : [variable]));

/** Tokens [B, T, D] from `at`, `count` of them. */
const tokens = (x: tf.Tensor, at: number, count = 1) => tf.slice(x, [0, at, 0], [x.shape[0]!, count, x.shape[2]!]);

const block = new PreNormBlock({ generator, hiddenSize: 12, numHeads: 3, dropout: 0.3, attentionDropout: 0.3 });
block.bindPaths('block');
const attention = new MultiheadAttention(12, 3, { generator });
const mask = tf.tensor2d([1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0], [2, 7], 'int32');
const noise = new Dropout(0.4).bindPaths('noise');

/** Of [2, 7, 12]. Each reads part of what it computes. */
const functions: readonly [string, (x: tf.Tensor) => tf.Tensor, tf.Variable[]?][] = [
  ['the first token of a block', (x) => tokens(block.forward(x as tf.Tensor3D, attentionBias(mask), inference), 0), variablesOf(block)],
  ['the first token of a block in training', (x) => tokens(block.forward(x as tf.Tensor3D, attentionBias(mask), training), 0), variablesOf(block)],
  ['three tokens of a block in training', (x) => tokens(block.forward(x as tf.Tensor3D, undefined, training), 3, 3), variablesOf(block)],
  ['the last token of two blocks', (x) => tokens(block.forward(block.forward(x as tf.Tensor3D, undefined, training), undefined, training), 6), variablesOf(block)],
  ['one of queries that come with keys and values', (x) => tokens(attention.forward(x as tf.Tensor3D, x as tf.Tensor3D, x as tf.Tensor3D, { keyPaddingMask: tf.sub<tf.Tensor2D>(1, mask) }, inference).output, 2), variablesOf(attention)],
  ['two tokens that are far apart', (x) => { const y = noise.forward(tf.tanh(x), training); return tf.mul(tokens(y, 1), tokens(y, 5)); }],
  ['a token by tf.gather', (x) => tf.gather(tf.softmax(tf.mul(x, tf.exp(x))), tf.tensor1d([4], 'int32'), 1)],
  ['tokens in reverse by tf.gather', (x) => tf.gather(tf.exp(x), tf.tensor1d([4, 3], 'int32'), 1)],
  ['some channels of random numbers', (x) => tf.slice(noise.forward(x, training), [0, 0, 5], [2, 7, 3])],
  ['one row of the batch', (x) => tf.slice(noise.forward(tf.exp(x), training), [1, 0, 0], [1, 7, 12])],
  ['columns of a product of columns', (x) => { const y = tf.matMul(x, tf.transpose(x, [0, 2, 1])); return tf.slice(tf.add(y, 1), [0, 0, 2], [2, 7, 3]); }],
  ['a part of a part', (x) => { const y = tf.slice(tf.exp(x), [0, 2, 0], [2, 4, 12]); return tf.slice(tf.square(y), [0, 1, 0], [2, 2, 12]); }],
  ['a part on two axes', (x) => tf.slice(tokens(tf.exp(tf.mul(x, x)), 2, 3), [0, 0, 4], [2, 3, 5])],
  ['what is padded and cut again', (x) => tf.slice(tf.square(tf.pad(tf.sin(x), [[0, 0], [2, 1], [0, 0]])), [0, 1, 0], [2, 3, 12])],
  ['what is padded with ones', (x) => tf.exp(tf.pad(x, [[0, 0], [2, 1], [0, 0]], 1))],
  ['sums and means of what is zero but for a part', (x) => { const y = tf.pad(tokens(x, 1, 2), [[0, 0], [3, 2], [0, 0]]); return tf.add(tf.sum(tf.mul(y, x), [0, 1]), tf.mean(y, 1)); }],
  ['products of parts that do not meet', (x) => { const y = tf.pad(tokens(x, 0, 2), [[0, 0], [5, 0], [0, 0]]); const z = tf.pad(tokens(x, 3, 3), [[0, 0], [0, 4], [0, 0]]); return tf.add(tf.mul(y, z), tf.sub(z, y)); }],
  ['a heads-first view', (x) => { const y = tf.transpose(tf.reshape(tf.square(x), [2, 7, 3, 4]), [0, 2, 1, 3]); return tf.slice(tf.reshape(y, [6, 7, 4]), [0, 6, 0], [6, 1, 4]); }],
  ['every seventh row of a matrix', (x) => tokens(tf.reshape(tf.matMul(tf.reshape(tf.cumsum(tf.exp(x), 2), [14, 12]), tf.ones<tf.Rank.R2>([12, 12])), [2, 7, 12]), 3)],
  ['one token of a reversed list', (x) => tokens(tf.reverse(tf.square(x), 1), 1)],
  ['one token of a concatenation', (x) => tokens(tf.concat([tf.exp(x), tf.square(x)], 2), 1)],
  ['one of joined tokens', (x) => tokens(tf.concat([tf.exp(tokens(x, 0)), tf.square(x)], 1), 0)],
]; // biome-ignore format: a table

describe('narrowed programs give what the portable backend gives', () => {
  it.each(functions)('%s', (_, f, variables = []) => {
    compareWithPortable(f, variables, [2, 7, 12]);
  });

  it('and compute less', () => {
    const [, first, variables] = functions[1]!;
    const text = compareWithPortable(first, variables!, [2, 7, 12]);
    // scores, of one query each; no matrix of all queries and keys in the gradients either
    expect(text).toMatch(/f32\[2,3,1,7\] = Softmax/);
    expect(text).not.toMatch(/\[2,3,7,7\]/);
    expect(text).toMatch(/PhiloxMask\(%\w+\) {shape=\[2,3,1,7\] .*picks={"every":49,"begin":0,"end":7}/);
  });
});
