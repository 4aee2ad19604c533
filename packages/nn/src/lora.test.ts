import '@diptych/tfjs-backend-onnxruntime';
import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkGradients, maxError, randn } from '../test/gradient-check.js';
import {
  addLora,
  compile,
  freeze,
  Generator,
  Linear,
  Module,
  mergeLora,
  PreNormBlock,
  removeLora,
  unfreeze,
  withMergedLora,
} from './index.js';

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

describe.each(['cpu', 'onnxruntime'])('LoRA on %s', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend);
  });

  /** The engine may round `B A` another way in another program: few units in the last place of numbers around 1. */
  const rounding = backend === 'cpu' ? 0 : 2e-6;
  const expectSame = (actual: readonly (readonly number[])[], expected: readonly (readonly number[])[]) => {
    const error = tf.tidy(() => maxError(tf.tensor1d(actual.flat()), expected.flat()));
    expect(error).toBeLessThanOrEqual(rounding);
  };

  it('changes nothing at first and trains the adapters alone', () => {
    const model = new Model();
    const before = model.forward(input()).dataSync();
    freeze(model, /./);
    const paths = addLora(model, QUERIES_AND_VALUES, { rank: 2, seed: 3 });
    expect(paths).toEqual([0, 1].flatMap((i) => ['q_proj', 'v_proj'].map((p) => `blocks.${i}.self_attn.${p}`)));
    expect(maxError(model.forward(input()), before)).toBe(0);
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(model.forward(input()))));
    const trained = new Set(Object.keys(grads));
    const adapters = [...model.namedParameters()].filter(([, variable]) => trained.has(variable.name));
    expect(adapters.map(([name]) => name)).toEqual(names(model).filter((name) => name.includes('.lora.')));
    expect(adapters).toHaveLength(8);
  });

  it('is a change of the weight by B A * alpha / rank, with its gradients', () => {
    const layer = new Linear(4, 3, { generator: new Generator(1) });
    class Wrapped extends Module {
      readonly fc = layer;
    }
    const model = new Wrapped();
    addLora(model, 'fc', { rank: 2, alpha: 6 });
    const { A, B } = layer.lora!;
    B.assign(randn([3, 2], 2));
    const x = randn<tf.Rank.R2>([5, 4], 3);
    const plain = (rows: tf.Tensor, a: tf.Tensor, b: tf.Tensor, weight: tf.Tensor) => {
      const changed = tf.add(weight, tf.mul(tf.matMul(b, a), 3));
      return tf.add(tf.matMul(rows, changed, false, true), layer.bias!);
    };
    expect(maxError(layer.forward(x), plain(x, A, B, layer.weight).dataSync())).toBeLessThan(1e-6);
    checkGradients((y) => layer.forward(y), [x]);

    const r = randn([5, 3], 4);
    const wanted = tf.grads((...given) => tf.sum(tf.mul(plain(...(given as Parameters<typeof plain>)), r)));
    const [, ...expected] = wanted([x, A, B, layer.weight]);
    const loss = () => tf.sum(tf.mul(layer.forward(x), r)) as tf.Scalar;
    for (const trained of [
      [A, B],
      [A, B, layer.weight],
    ]) {
      if (trained.length === 3) unfreeze(model, 'fc.weight');
      const { grads } = tf.variableGrads(loss, trained);
      for (const [i, { name }] of trained.entries()) {
        expect(maxError(grads[name]!, expected[i]!.dataSync())).toBeLessThan(1e-5);
      }
    }
  });

  it('merges exactly: the same numbers, the old names, the old trainability', () => {
    const model = new Model();
    const namesBefore = names(model);
    freeze(model, 'blocks.0');
    addLora(model, QUERIES_AND_VALUES, { rank: 2 });
    train(model);
    const expected = model.blocks.map(({ selfAttn: { qProj } }) => [...qProj.lora!.merged(qProj.weight).dataSync()]);
    const adapted = model.forward(input()).dataSync().slice();
    const tensors = tf.memory().numTensors;
    expect(mergeLora(model)).toHaveLength(4);
    expect(tf.memory().numTensors).toBe(tensors - 8);
    expect(maxError(model.forward(input()), adapted)).toBeLessThanOrEqual(rounding);
    expectSame(
      model.blocks.map(({ selfAttn: { qProj } }) => [...qProj.weight.dataSync()]),
      expected,
    );
    expect(names(model)).toEqual(namesBefore);
    expect(model.blocks[0]!.selfAttn.qProj.weight.trainable).toBe(false);
    expect(model.blocks[1]!.selfAttn.qProj.weight.trainable).toBe(true);
    expect(mergeLora(model)).toEqual([]);
  });

  it('merges exactly at the size of real layers, compiled too', () => {
    class Wide extends Module {
      readonly fc = new Linear(768, 768, { generator: new Generator(1) });
    }
    const model = new Wide();
    addLora(model, 'fc', { rank: 8 });
    const { weight, lora } = model.fc;
    const { A, B } = lora!;
    B.assign(randn([768, 8], 2));
    const x = randn<tf.Rank.R2>([77, 768], 3);
    // Two roundings of W' = W + s B A differ by at most 2 (rank + 3) u s |B| |A| + 2 u |W'|, two of its product with x
    // by 768 times the latter (Higham, Accuracy and Stability of Numerical Algorithms, 3.5; u = 2^-24).
    const bound = tf.tidy(() => {
      const change = tf.mul(tf.matMul(tf.abs(B), tf.abs(A)), 2);
      const perWeight = tf.add(tf.mul(change, 2 * 11), tf.mul(tf.abs(lora!.merged(weight)), 2 * 769));
      return tf
        .mul(tf.matMul(tf.abs(x), perWeight, false, true), 2 ** -24)
        .dataSync()
        .slice();
    });
    const outputs = () => {
      const compiled = compile((rows: tf.Tensor2D) => model.fc.forward(rows));
      // the first call records, the second replays
      const results = [model.fc.forward(x), compiled(x), compiled(x)].map((y) => y.dataSync().slice());
      compiled.dispose();
      return results;
    };
    const adapted = outputs();
    mergeLora(model);
    for (const [run, merged] of outputs().entries()) {
      const excess = merged.map((y, i) => Math.abs(y - adapted[run]![i]!) - (backend === 'cpu' ? 0 : bound[i]!));
      expect(Math.max(...excess)).toBeLessThanOrEqual(0);
    }
  });

  it('merges for a while: what runs sees the merged model, and everything comes back bit for bit', async () => {
    const model = new Model();
    const namesBefore = names(model);
    addLora(model, QUERIES_AND_VALUES, { rank: 2 });
    train(model);
    const [before, adaptedNames] = [bits(model), names(model)];
    const adapted = model.forward(input()).dataSync().slice();
    const compiled = compile((x: tf.Tensor3D) => model.forward(x));
    compiled(input());
    const tensors = tf.memory().numTensors;
    const look = () => {
      expect(names(model)).toEqual(namesBefore);
      expect(maxError(model.forward(input()), adapted)).toBeLessThanOrEqual(rounding);
      expect(maxError(compiled(input()), adapted)).toBeLessThanOrEqual(rounding);
      return bits(model);
    };
    const merged = tf.tidy(() => withMergedLora(model, look));
    expect(merged).not.toEqual(before);
    expect([names(model), bits(model)]).toEqual([adaptedNames, before]);
    expectSame(await withMergedLora(model, async () => bits(model)), merged);
    expect([names(model), bits(model)]).toEqual([adaptedNames, before]);
    const failing = () => {
      throw new Error('no');
    };
    expect(() => withMergedLora(model, failing)).toThrow('no');
    await expect(withMergedLora(model, async () => failing())).rejects.toThrow('no');
    expect([names(model), bits(model)]).toEqual([adaptedNames, before]);
    expect(tf.memory().numTensors).toBe(tensors);
    compiled.dispose();
  });

  it('can be taken off again, bit for bit', () => {
    const model = new Model();
    const before = bits(model);
    addLora(model, /proj$/);
    train(model);
    removeLora(model);
    expect(bits(model)).toEqual(before);
    expect([...model.namedParameters()].every(([, variable]) => variable.trainable)).toBe(true);
  });

  it('refuses what cannot be, before it changes anything', () => {
    const model = new Model();
    expect(() => addLora(model, 'blocks.0.layer_norm1')).toThrow(/nn\.addLora: .*linear layers/);
    expect(() => addLora(model, 'blocks.0', { rank: 9 })).toThrow(/a rank of 1 to 8, got 9/);
    expect(names(model).some((name) => name.includes('lora'))).toBe(false);
    addLora(model, 'blocks.0');
    expect(() => addLora(model, 'blocks.0.mlp')).toThrow(/has an adapter already/);
  });
});
