import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import {
  BatchNorm2d,
  Conv2d,
  freeze,
  freezeExceptLast,
  Generator,
  Linear,
  Module,
  PreNormBlock,
  randomStream,
  unfreeze,
} from './index.js';

class Block extends Module {
  readonly conv = new Conv2d(2, 2, 1, { generator: new Generator(1), bias: false });
  readonly bn = new BatchNorm2d(2);
}

class Tower extends Module {
  readonly stem = new Block();
  readonly layer1 = [new Block(), new Block()];
  readonly layer2 = [new Block(), new Block()];
  readonly fc = new Linear(2, 3, { generator: new Generator(2) });
}

const trained = (model: Module) => [...model.namedParameters()].filter(([, v]) => v.trainable).map(([name]) => name);

describe('freeze', () => {
  it('takes paths, module paths, wildcards, regular expressions and lists', () => {
    const model = new Tower();
    expect(freeze(model, 'layer1')).toHaveLength(6);
    expect(freeze(model, 'layer2.*.bn')).toEqual([
      'layer2.0.bn.weight',
      'layer2.0.bn.bias',
      'layer2.1.bn.weight',
      'layer2.1.bn.bias',
    ]);
    expect(freeze(model, [/^stem\./, 'fc.weight'])).toHaveLength(4);
    expect(trained(model)).toEqual(['layer2.0.conv.weight', 'layer2.1.conv.weight', 'fc.bias']);
    unfreeze(model, /./);
    expect(trained(model)).toHaveLength(17);
  });

  it('does not take a path for the beginning of another', () => {
    class Ten extends Module {
      readonly layer = Array.from({ length: 11 }, () => new Linear(1, 1, { generator: new Generator(), bias: false }));
    }
    expect(freeze(new Ten(), 'layer.1')).toEqual(['layer.1.weight']);
  });

  it('keeps frozen parameters out of the gradients', () => {
    const model = new Tower();
    freeze(model, 'fc.weight');
    const { grads } = tf.variableGrads(() => tf.sum(model.fc.forward(tf.ones([1, 2]))));
    expect(Object.keys(grads)).toEqual([model.fc.bias!.name]);
  });

  it('stops running statistics where nothing of their layer trains, and only there', () => {
    const model = new Tower();
    model.layer1[1]!.bn.frozen = true; // by hand
    freeze(model, 'stem');
    freeze(model, 'layer1.0.bn.bias');
    expect(model.stem.bn.frozen).toBe(true);
    expect(model.layer1[0]!.bn.frozen).toBe(false);
    expect(model.layer1[1]!.bn.frozen).toBe(true);
    const before = model.stem.bn.runningMean.dataSync().slice();
    model.stem.bn.forward(tf.ones([1, 2, 2, 2]), { training: true, random: randomStream(0, 0) });
    expect(model.stem.bn.runningMean.dataSync()).toEqual(before);
    unfreeze(model, 'stem.bn');
    expect(model.stem.bn.frozen).toBe(false);
  });

  it('refuses a pattern without a match and names some that would', () => {
    expect(() => freeze(new Tower(), 'layer9')).toThrow(/nn\.freeze: .*stem\.conv\.weight.*got layer9/);
    expect(() => unfreeze(new Tower(), /nothing/)).toThrow(/nn\.unfreeze/);
  });
});

describe('freezeExceptLast', () => {
  it('trains the last blocks and what comes behind them', () => {
    const model = new Tower();
    freezeExceptLast(1, model);
    expect(trained(model)).toEqual([
      'layer2.1.conv.weight',
      'layer2.1.bn.weight',
      'layer2.1.bn.bias',
      'fc.weight',
      'fc.bias',
    ]);
    expect(model.layer2[0]!.bn.frozen).toBe(true);
    expect(model.layer2[1]!.bn.frozen).toBe(false);
    freezeExceptLast(0, model);
    expect(trained(model)).toEqual(['fc.weight', 'fc.bias']);
    freezeExceptLast(4, model);
    expect(trained(model).some((name) => name.startsWith('stem'))).toBe(false);
    expect(trained(model)).toHaveLength(14);
  });

  it('refuses more blocks than there are, and models without any', () => {
    expect(() => freezeExceptLast(5, new Tower())).toThrow(/0 to 4 blocks, got 5/);
    const block = new PreNormBlock({ generator: new Generator(), hiddenSize: 2, numHeads: 1 });
    expect(() => freezeExceptLast(1, block)).toThrow(/a model with a list of blocks, got PreNormBlock/);
    expect(block.forward(tf.zeros([1, 1, 2]), undefined, inference).shape).toEqual([1, 1, 2]);
  });
});
