import '@tensorflow/tfjs-backend-cpu';
import type { Stateful } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { BatchNorm2d, buffer, Dropout, freeze, Generator, Linear, Module, parameter } from './index.js';

class Block extends Module {
  readonly LayerNorm = new BatchNorm2d(2);
  readonly fc1: Linear;
  readonly dropout = new Dropout(0.5);

  constructor(generator: Generator) {
    super();
    this.fc1 = new Linear(2, 3, { generator });
  }
}

class Model extends Module {
  readonly logitScale = parameter(tf.scalar(1));
  readonly layer1: readonly Block[];
  readonly head: Linear | undefined;
  readonly seenItems = buffer(tf.scalar(0, 'int32'));
  readonly notATensor = { width: 3 };

  constructor(seed = 0) {
    super();
    const generator = new Generator(seed);
    this.layer1 = [new Block(generator), new Block(generator)];
    this.head = undefined;
  }
}

const names = (entries: Iterable<[string, unknown]>) => [...entries].map(([name]) => name);

describe('Module', () => {
  it("names parameters and buffers as PyTorch's state dict does", () => {
    const model = new Model();
    expect(names(model.namedParameters())).toEqual([
      'logit_scale',
      'layer1.0.LayerNorm.weight',
      'layer1.0.LayerNorm.bias',
      'layer1.0.fc1.weight',
      'layer1.0.fc1.bias',
      'layer1.1.LayerNorm.weight',
      'layer1.1.LayerNorm.bias',
      'layer1.1.fc1.weight',
      'layer1.1.fc1.bias',
    ]);
    expect(names(model.namedBuffers())).toEqual([
      'seen_items',
      'layer1.0.LayerNorm.running_mean',
      'layer1.0.LayerNorm.running_var',
      'layer1.1.LayerNorm.running_mean',
      'layer1.1.LayerNorm.running_var',
    ]);
    expect(names(model.namedChildren())).toEqual(['layer1.0', 'layer1.1']);
    expect(names(model.namedModules()).slice(0, 3)).toEqual(['', 'layer1.0', 'layer1.0.LayerNorm']);
  });

  it('lists a shared parameter once, under its first name', () => {
    class Tied extends Module {
      readonly encoder = new Linear(2, 2, { generator: new Generator(), bias: false });
      readonly decoder = this.encoder;
      readonly own = this.encoder.weight;
    }
    expect(names(new Tied().namedParameters())).toEqual(['own']);
  });

  it('holds any Stateful: its names, its buffers, its end', () => {
    class Whole extends Module {
      readonly own = part();
      readonly blocks = [part(), new Linear(2, 2, { generator: new Generator(), bias: false })];
      readonly shared = this.own;
      readonly gain = parameter(tf.scalar(1));
    }
    const part = (): Stateful => {
      const [weight, mean] = [parameter(tf.ones([2])), buffer(tf.zeros([2]))];
      return {
        namedParameters: () => [['weight', weight]],
        namedBuffers: () => [['mean', mean]],
        dispose: () => tf.dispose([weight, mean]),
      };
    };
    const before = tf.memory().numTensors;
    const model = new Whole().bindPaths('model');
    expect(names(model.namedParameters())).toEqual(['gain', 'own.weight', 'blocks.0.weight', 'blocks.1.weight']);
    expect(names(model.namedBuffers())).toEqual(['own.mean', 'blocks.0.mean']);
    expect(names(model.namedChildren())).toEqual(['own', 'blocks.0', 'blocks.1', 'shared']);
    expect(names(model.namedModules())).toEqual(['', 'blocks.1']);
    freeze(model, ['own', 'blocks.*']);
    expect([...model.namedParameters()].flatMap(([name, { trainable }]) => (trainable ? [name] : []))).toEqual([
      'gain',
    ]);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('names the parts of lists in lists by both places', () => {
    const layer = () => new Linear(2, 2, { generator: new Generator(), bias: false });
    class Staged extends Module {
      readonly blocks = [[layer()], [layer(), layer()], []];
    }
    const before = tf.memory().numTensors;
    const model = new Staged().bindPaths('model');
    expect(names(model.namedChildren())).toEqual(['blocks.0.0', 'blocks.1.0', 'blocks.1.1']);
    expect(names(model.namedParameters())).toEqual(['blocks.0.0.weight', 'blocks.1.0.weight', 'blocks.1.1.weight']);
    expect(model.blocks[1]![1]!.path).toBe('model.blocks.1.1');
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('buffers are not trainable, parameters are', () => {
    const model = new Model();
    expect([...model.namedParameters()].every(([, variable]) => variable.trainable)).toBe(true);
    expect([...model.namedBuffers()].some(([, variable]) => variable.trainable)).toBe(false);
  });

  it('knows its path once it is told', () => {
    const model = new Model();
    expect(() => model.layer1[0]!.dropout.path).toThrow(/nn\.Dropout: .*bindPaths/);
    model.bindPaths('text');
    expect(model.layer1[1]!.dropout.path).toBe('text.layer1.1.dropout');
    expect(new Model().bindPaths('').layer1[0]!.dropout.path).toBe('layer1.0.dropout');
  });

  it('frees everything, ten times over, also beside a second model', () => {
    const bystander = new Model(7);
    const weights = bystander.layer1[0]!.fc1.weight.dataSync().slice();
    const before = tf.memory();
    for (let i = 0; i < 10; i++) {
      const model = new Model(i);
      model.dispose();
      model.dispose();
    }
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numBytes).toBe(before.numBytes);
    expect(bystander.layer1[0]!.fc1.weight.dataSync()).toEqual(weights);
  });
});
