import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { checkGradients, maxError, randn } from '../test/gradient-check.js';
import { addLora, freeze, Generator, Linear, Module, mergeLora, PreNormBlock, removeLora } from './index.js';

class Model extends Module {
  readonly blocks = [0, 1].map(() => new PreNormBlock({ generator: new Generator(1), hiddenSize: 8, numHeads: 2 }));

  forward(x: tf.Tensor3D): tf.Tensor3D {
    return this.blocks.reduce((y, block) => block.forward(y, undefined, inference), x);
  }
}

const QUERIES_AND_VALUES = ['blocks.*.self_attn.q_proj', 'blocks.*.self_attn.v_proj'];
const names = (model: Module) => [...model.namedParameters()].map(([name]) => name);
const bits = (model: Module) => [...model.namedParameters()].map(([, variable]) => [...variable.dataSync()]);
const input = () => randn<tf.Rank.R3>([2, 3, 8], 5);

/** As training would: something other than zero in every B. */
function train(model: Module): void {
  for (const [name, variable] of model.namedParameters()) {
    if (name.endsWith('lora.B')) variable.assign(randn(variable.shape, 9));
  }
}

describe('addLora', () => {
  it('changes nothing at first and trains the adapters alone', () => {
    const model = new Model();
    const before = model.forward(input()).dataSync();
    freeze(/./, model);
    const paths = addLora(QUERIES_AND_VALUES, model, { rank: 2, seed: 3 });
    expect(paths).toEqual([0, 1].flatMap((i) => ['q_proj', 'v_proj'].map((p) => `blocks.${i}.self_attn.${p}`)));
    expect(maxError(model.forward(input()), before)).toBe(0);
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(model.forward(input()))));
    const trained = new Set(Object.keys(grads));
    const adapters = [...model.namedParameters()].filter(([, variable]) => trained.has(variable.name));
    expect(adapters.map(([name]) => name)).toEqual(names(model).filter((name) => name.includes('.lora.')));
    expect(adapters).toHaveLength(8);
  });

  it('is x A^T B^T * alpha / rank, with its gradients', () => {
    const layer = new Linear(4, 3, { generator: new Generator(1) });
    class Wrapped extends Module {
      readonly fc = layer;
    }
    addLora('fc', new Wrapped(), { rank: 2, alpha: 6 });
    layer.lora!.B.assign(randn([3, 2], 2));
    const x = randn<tf.Rank.R2>([5, 4], 3);
    const changed = tf.add(layer.weight, tf.mul(tf.matMul(layer.lora!.B, layer.lora!.A), 3));
    const expected = tf.add(tf.matMul(x, changed as tf.Tensor2D, false, true), layer.bias!);
    expect(maxError(layer.forward(x), expected.dataSync())).toBeLessThan(1e-5);
    checkGradients((y) => layer.forward(y), [x]);
  });

  it('merges: the same function, the old names, the old trainability', () => {
    const model = new Model();
    const namesBefore = names(model);
    freeze('blocks.0', model);
    addLora(QUERIES_AND_VALUES, model, { rank: 2 });
    train(model);
    const adapted = model.forward(input()).dataSync().slice();
    const tensors = tf.memory().numTensors;
    expect(mergeLora(model)).toHaveLength(4);
    expect(tf.memory().numTensors).toBe(tensors - 8);
    expect(maxError(model.forward(input()), adapted)).toBeLessThan(2e-5);
    expect(names(model)).toEqual(namesBefore);
    expect(model.blocks[0]!.selfAttn.qProj.weight.trainable).toBe(false);
    expect(model.blocks[1]!.selfAttn.qProj.weight.trainable).toBe(true);
    expect(mergeLora(model)).toEqual([]);
  });

  it('can be taken off again, bit for bit', () => {
    const model = new Model();
    const before = bits(model);
    addLora(/proj$/, model);
    train(model);
    removeLora(model);
    expect(bits(model)).toEqual(before);
    expect([...model.namedParameters()].every(([, variable]) => variable.trainable)).toBe(true);
  });

  it('refuses what cannot be, before it changes anything', () => {
    const model = new Model();
    expect(() => addLora('blocks.0.layer_norm1', model)).toThrow(/nn\.addLora: .*linear layers/);
    expect(() => addLora('blocks.0', model, { rank: 9 })).toThrow(/a rank of 1 to 8, got 9/);
    expect(names(model).some((name) => name.includes('lora'))).toBe(false);
    addLora('blocks.0', model);
    expect(() => addLora('blocks.0.mlp', model)).toThrow(/has an adapter already/);
  });
});
