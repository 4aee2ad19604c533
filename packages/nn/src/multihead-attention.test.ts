import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { checkGradients, maxError, randn } from '../test/gradient-check.js';
import { Generator, MultiheadAttention, randomStream } from './index.js';

const attention = (options: { kdim?: number; vdim?: number; dropout?: number; bias?: boolean } = {}) =>
  new MultiheadAttention(8, 2, { generator: new Generator(1), ...options });

/** The formula in plain loops, in float64. */
function byHand(
  module: MultiheadAttention,
  q: number[][],
  k: number[][],
  v: number[][],
  hidden: (i: number, j: number) => boolean,
) {
  const E = module.embedDim;
  const d = E / module.numHeads;
  const weight = module.inProjWeight!.arraySync();
  const bias = module.inProjBias!.arraySync();
  const project = (x: number[][], part: number) =>
    x.map((row) =>
      Array.from({ length: E }, (_, o) =>
        row.reduce((sum, value, i) => sum + value * weight[part * E + o]![i]!, bias[part * E + o]!),
      ),
    );
  const [Q, K, V] = [project(q, 0), project(k, 1), project(v, 2)];
  const mixed = Q.map(() => new Array<number>(E).fill(0));
  for (let head = 0; head < module.numHeads; head++) {
    for (const [i, query] of Q.entries()) {
      const scores = K.map((key, j) => {
        if (hidden(i, j)) return Number.NEGATIVE_INFINITY;
        let dot = 0;
        for (let c = head * d; c < (head + 1) * d; c++) dot += query[c]! * key[c]!;
        return dot / Math.sqrt(d);
      });
      const top = Math.max(...scores);
      const exps = scores.map((score) => Math.exp(score - top));
      const total = exps.reduce((sum, e) => sum + e, 0);
      for (const [j, e] of exps.entries()) {
        for (let c = head * d; c < (head + 1) * d; c++) mixed[i]![c]! += (e / total) * V[j]![c]!;
      }
    }
  }
  const out = module.outProj.weight.arraySync();
  const outBias = module.outProj.bias!.arraySync();
  return mixed.map((row) => out.map((w, o) => row.reduce((sum, value, i) => sum + value * w[i]!, outBias[o]!)));
}

function withRandomBias(module: MultiheadAttention): MultiheadAttention {
  module.inProjBias!.assign(randn([24], 5));
  module.outProj.bias!.assign(randn([8], 6));
  return module;
}

describe('MultiheadAttention', () => {
  it("has torch's parameters", () => {
    const shapes = (module: MultiheadAttention) =>
      Object.fromEntries([...module.namedParameters()].map(([name, p]) => [name, p.shape]));
    expect(shapes(attention())).toEqual({
      in_proj_weight: [24, 8],
      in_proj_bias: [24],
      'out_proj.weight': [8, 8],
      'out_proj.bias': [8],
    });
    expect(shapes(attention({ kdim: 5, vdim: 3, bias: false }))).toEqual({
      q_proj_weight: [8, 8],
      k_proj_weight: [8, 5],
      v_proj_weight: [8, 3],
      'out_proj.weight': [8, 8],
    });
  });

  it("draws from torch's distributions", () => {
    const module = attention();
    const bound = Math.sqrt(6 / (24 + 8));
    const values = module.inProjWeight!.dataSync();
    expect(Math.max(...values)).toBeLessThanOrEqual(bound);
    expect(Math.max(...values)).toBeGreaterThan(0.9 * bound);
    expect(maxError(module.inProjBias!, new Float32Array(24))).toBe(0);
    expect(maxError(module.outProj.bias!, new Float32Array(8))).toBe(0);
  });

  it('equals the formula, for one sequence and for two', () => {
    const module = withRandomBias(attention());
    const q = randn<tf.Rank.R3>([1, 3, 8], 2);
    const k = randn<tf.Rank.R3>([1, 5, 8], 3);
    const v = randn<tf.Rank.R3>([1, 5, 8], 4);
    const rows = (x: tf.Tensor3D) => x.arraySync()[0]!;
    const self = module.forward(q, q, q, {}, inference);
    expect(maxError(self.output, byHand(module, rows(q), rows(q), rows(q), () => false).flat())).toBeLessThan(1e-5);
    const cross = module.forward(q, k, v, {}, inference);
    expect(maxError(cross.output, byHand(module, rows(q), rows(k), rows(v), () => false).flat())).toBeLessThan(1e-5);
    expect(cross.weights!.shape).toEqual([1, 3, 5]);
    expect(maxError(tf.sum(cross.weights!, -1), [1, 1, 1])).toBeLessThan(1e-6);
  });

  it('hides keys: padding, boolean and additive masks, alone and together', () => {
    const module = withRandomBias(attention());
    const q = randn<tf.Rank.R3>([1, 3, 8], 2);
    const k = randn<tf.Rank.R3>([1, 4, 8], 3);
    const rows = (x: tf.Tensor3D) => x.arraySync()[0]!;
    const expected = (hidden: (i: number, j: number) => boolean) =>
      byHand(module, rows(q), rows(k), rows(k), hidden).flat();
    const padding = tf.tensor2d([[0, 0, 1, 0]], [1, 4], 'int32');
    const later = [0, 1, 2].flatMap((i) => [0, 1, 2, 3].map((j) => (j > i ? 1 : 0)));
    const forbidden = tf.tensor2d(later, [3, 4], 'bool');
    const additive = tf.tensor2d(
      later.map((hide) => (hide ? Number.NEGATIVE_INFINITY : 0)),
      [3, 4],
    );
    const requireClose = (options: object, hidden: Parameters<typeof expected>[0]) =>
      expect(maxError(module.forward(q, k, k, options, inference).output, expected(hidden))).toBeLessThan(1e-5);
    requireClose({ keyPaddingMask: padding }, (_, j) => j === 2);
    requireClose({ attentionMask: forbidden }, (i, j) => j > i);
    requireClose({ attentionMask: additive }, (i, j) => j > i);
    const perHead = tf.tile(tf.reshape(additive, [1, 3, 4]), [2, 1, 1]);
    requireClose({ attentionMask: perHead }, (i, j) => j > i);
    requireClose({ attentionMask: additive, keyPaddingMask: padding }, (i, j) => j > i || j === 2);
  });

  it('adds finite masks to the scores', () => {
    const module = withRandomBias(attention());
    const q = randn<tf.Rank.R3>([2, 3, 8], 2);
    const shift = tf.fill([3, 3], 2.5);
    const plain = module.forward(q, q, q, {}, inference);
    const shifted = module.forward(q, q, q, { attentionMask: shift }, inference);
    expect(maxError(shifted.output, plain.output.dataSync())).toBeLessThan(1e-5);
    const favour = tf.tensor2d([0, 50, 0, 0, 50, 0, 0, 50, 0], [3, 3]);
    const { weights } = module.forward(q, q, q, { attentionMask: favour }, inference);
    expect(maxError(tf.slice(weights!, [0, 0, 1], [2, 3, 1]), new Array(6).fill(1))).toBeLessThan(1e-6);
  });

  it('gives a row without visible keys weights of zero and finite gradients', () => {
    const module = withRandomBias(attention());
    const q = randn<tf.Rank.R3>([2, 2, 8], 2);
    const keyPaddingMask = tf.tensor2d([0, 0, 1, 1], [2, 2], 'int32');
    const { output, weights } = module.forward(q, q, q, { keyPaddingMask }, inference);
    expect([...tf.slice(weights!, [1, 0, 0], [1, 2, 2]).dataSync()]).toEqual([0, 0, 0, 0]);
    const bias = [...module.outProj.bias!.dataSync()];
    expect([...tf.slice(output, [1, 0, 0], [1, 1, 8]).dataSync()]).toEqual(bias);
    const attend = (x: tf.Tensor) => {
      const sequence = x as tf.Tensor3D;
      return module.forward(sequence, sequence, sequence, { keyPaddingMask }, inference).output;
    };
    const gradient = tf.grad(attend)(q);
    expect([...gradient.dataSync()].every(Number.isFinite)).toBe(true);
    expect(maxError(tf.slice(gradient, [1, 0, 0], [1, 2, 8]), new Array(16).fill(0))).toBe(0);
  });

  it('has the gradients of finite differences', () => {
    const own = attention({ kdim: 5, vdim: 3 });
    checkGradients(
      (q, k, v) => own.forward(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, {}, inference).output,
      [randn([2, 3, 8], 1), randn([2, 4, 5], 2), randn([2, 4, 3], 3)],
    );
    const self = attention();
    const mask = tf.tensor2d([0, 0, 1, 0, 1, 1], [2, 3], 'int32');
    checkGradients(
      (x) => {
        const q = x as tf.Tensor3D;
        return self.forward(q, q, q, { keyPaddingMask: mask }, inference).output;
      },
      [randn([2, 3, 8], 4)],
    );
  });

  it('drops weights in training only, and not from the weights it shows', () => {
    const module = attention({ dropout: 0.5 }).bindPaths('fusion');
    const q = randn<tf.Rank.R3>([2, 3, 8], 2);
    const random = randomStream(7, 1);
    const still = module.forward(q, q, q, {}, inference);
    const moving = module.forward(q, q, q, {}, { training: true, random });
    const again = module.forward(q, q, q, {}, { training: true, random });
    expect(maxError(moving.output, still.output.dataSync())).toBeGreaterThan(1e-3);
    expect(maxError(moving.output, again.output.dataSync())).toBe(0);
    expect(maxError(moving.weights!, still.weights!.dataSync())).toBe(0);
  });

  it('returns weights as asked', () => {
    const module = attention();
    const q = randn<tf.Rank.R3>([2, 3, 8], 2);
    expect(module.forward(q, q, q, { needWeights: false }, inference).weights).toBeUndefined();
    const perHead = module.forward(q, q, q, { averageWeights: false }, inference).weights!;
    expect(perHead.shape).toEqual([2, 2, 3, 3]);
    const mean = module.forward(q, q, q, {}, inference).weights!;
    expect(maxError(tf.mean(perHead, 1), mean.dataSync())).toBeLessThan(1e-7);
  });

  it('refuses what does not fit', () => {
    expect(() => new MultiheadAttention(8, 3, { generator: new Generator() })).toThrow(/divides embedDim 8, got 3/);
    const module = attention();
    const q = randn<tf.Rank.R3>([2, 3, 8], 2);
    expect(() => module.forward(randn([2, 3, 7], 1), q, q, {}, inference)).toThrow(/query of shape \[B,Tq,8\]/);
    expect(() => module.forward(q, randn([3, 3, 8], 1), q, {}, inference)).toThrow(/key of shape \[2,Tk,8\]/);
    expect(() => module.forward(q, q, q, { keyPaddingMask: tf.zeros([2, 4]) }, inference)).toThrow(/keyPaddingMask/);
    expect(() => module.forward(q, q, q, { attentionMask: tf.zeros([4, 4]) }, inference)).toThrow(/attentionMask/);
  });
});
