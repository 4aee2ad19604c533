import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { checkGradients, maxError, randn } from '../test/gradient-check.js';
import { attentionBias, causalBias, Generator, PreNormBlock, randomStream } from './index.js';

const make = (options = {}) =>
  new PreNormBlock({ generator: new Generator(1), hiddenSize: 8, numHeads: 2, ...options }).bindPaths('block');

describe('PreNormBlock', () => {
  it("has the names of transformers' CLIP", () => {
    const expected = ['layer_norm1', 'self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.out_proj']
      .concat('layer_norm2', 'mlp.fc1', 'mlp.fc2')
      .flatMap((name) => [`${name}.weight`, `${name}.bias`]);
    expect([...make().namedParameters()].map(([name]) => name)).toEqual(expected);
  });

  it('is x where both branches end in zeros', () => {
    const block = make();
    for (const layer of [block.selfAttn.outProj, block.mlp.fc2]) {
      layer.weight.assign(tf.zerosLike(layer.weight));
      layer.bias!.assign(tf.zerosLike(layer.bias!));
    }
    const x = randn<tf.Rank.R3>([2, 3, 8], 1);
    expect(maxError(block.forward(x, undefined, inference), x.dataSync())).toBe(0);
  });

  it('hides padding and later tokens', () => {
    const block = make();
    const x = randn<tf.Rank.R3>([1, 4, 8], 1);
    const changed = tf.concat([tf.slice(x, [0, 0, 0], [1, 3, 8]), randn<tf.Rank.R3>([1, 1, 8], 9)], 1);
    const first3 = (y: tf.Tensor3D) => [...tf.slice(y, [0, 0, 0], [1, 3, 8]).dataSync()];
    const same = (bias: tf.Tensor | undefined) =>
      first3(block.forward(x, bias, inference)).every(
        (value, i) => value === first3(block.forward(changed, bias, inference))[i],
      );
    expect(same(undefined)).toBe(false);
    expect(same(attentionBias(tf.tensor2d([1, 1, 1, 0], [1, 4], 'int32')))).toBe(true);
    expect(same(causalBias(4))).toBe(true);
  });

  it('has the gradients of finite differences', () => {
    const block = make({ activation: 'quick_gelu' });
    checkGradients((x) => block.forward(x as tf.Tensor3D, causalBias(3), inference), [randn([2, 3, 8], 1)]);
  });

  it('draws dropout and stochastic depth in training', () => {
    const x = randn<tf.Rank.R3>([2, 3, 8], 1);
    const context = { training: true, random: randomStream(1, 1) } as const;
    for (const options of [{ dropout: 0.5 }, { attentionDropout: 0.5 }, { dropPath: 0.9 }]) {
      const block = make(options);
      const still = block.forward(x, undefined, inference);
      expect(maxError(block.forward(x, undefined, context), still.dataSync())).toBeGreaterThan(1e-4);
    }
  });

  it('refuses heads that do not divide', () => {
    expect(() => make({ numHeads: 3 })).toThrow(/nn\.PreNormBlock: .*divides hiddenSize 8, got 3/);
  });
});
