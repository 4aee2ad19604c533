import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { AdamW, type AdamWOptions, towerOf, warmupConstant, warmupCosine, warmupLinear } from '../index.js';
import { layerDepths } from './layer-depths.js';

beforeAll(() => tf.setBackend('cpu'));

const SHAPES: Record<string, number[]> = {
  'image.conv1.weight': [2, 3],
  'image.layer1.0.conv1.weight': [2, 3],
  'image.layer1.1.conv1.weight': [2, 3],
  'image.fc.bias': [2],
  'text.embeddings.weight': [4, 2],
  'text.encoder.layer.0.LayerNorm.weight': [2],
  'text.encoder.layer.1.dense.weight': [2, 2],
  'text.projection.weight': [2, 2],
  logit_scale: [],
};

function bound(options: AdamWOptions) {
  const parameters = Object.entries(SHAPES).map(([name, shape]): [string, tf.Variable] => [
    name,
    tf.variable(tf.ones(shape)),
  ]);
  const optimizer = new AdamW(options);
  optimizer.bind(parameters);
  const rows = optimizer.hyper(1);
  const hyper = Object.fromEntries(parameters.map(([name], i) => [name, [...rows.subarray(i * 3, i * 3 + 3)]]));
  const variables = Object.fromEntries(parameters);
  return { optimizer, hyper, variables };
}

const near = (values: number[]) => values.map((value) => expect.closeTo(value, 6));

describe('AdamW groups', () => {
  it('spare biases, norms and the logit scale from decay, unless asked', () => {
    const { hyper } = bound({ learningRate: 0.5, weightDecay: 0.1 });
    expect(hyper['image.conv1.weight']).toEqual(near([0.5, 0.1, 1]));
    expect(hyper['image.fc.bias']).toEqual(near([0.5, 0, 1]));
    expect(hyper['text.encoder.layer.0.LayerNorm.weight']![1]).toBe(0);
    expect(hyper.logit_scale![1]).toBe(0);
    expect(bound({ weightDecay: 0.1, decayOn: 'all' }).hyper.logit_scale![1]).toBeCloseTo(0.1);
  });

  it('choose by tower, path and pattern; later ones overrule, setting by setting', () => {
    const { hyper, optimizer } = bound({
      learningRate: 1,
      groups: [
        { match: 'text', learningRate: 0.5, weightDecay: 0.25 },
        { match: /embeddings/, learningRate: 0.125 },
        { match: '*.layer1', weightDecay: 0 },
      ],
    });
    expect(hyper['text.embeddings.weight']).toEqual(near([0.125, 0.25, 1]));
    expect(hyper['text.projection.weight']).toEqual(near([0.5, 0.25, 1]));
    expect(hyper['image.layer1.0.conv1.weight']).toEqual(near([1, 0, 1]));
    expect(hyper['image.conv1.weight']).toEqual(near([1, 0.01, 1]));
    expect(optimizer.learningRates()).toEqual({ image: 1, text: 0.5, logit_scale: 1 });
  });

  it('decay the rate layer by layer', () => {
    const { hyper } = bound({ learningRate: 1, groups: { image: { layerDecay: 0.5 } } });
    const rate = (name: string) => hyper[name]![0];
    expect(rate('image.fc.bias')).toBe(1);
    expect(rate('image.layer1.1.conv1.weight')).toBe(0.5);
    expect(rate('image.layer1.0.conv1.weight')).toBe(0.25);
    expect(rate('image.conv1.weight')).toBe(0.125);
    expect(rate('text.embeddings.weight')).toBe(1);
    expect(layerDepths(['a.x', 'a.layer.0.y', 'a.layer.0.z', 'a.pooler.w']).get('a.pooler.w')).toEqual({
      depth: 2,
      deepest: 2,
    });
  });

  it('are refused when they choose nothing or are out of range', () => {
    expect(() => bound({ groups: { imgae: { learningRate: 1 } } })).toThrow(/got imgae; did you mean image\?/);
    expect(() => new AdamW({ learningRate: -1 })).toThrow(/learningRate/);
    expect(() => new AdamW({ betas: [0.9, 1] })).toThrow(/beta/);
    expect(() => new AdamW({ groups: { text: { layerDecay: 0 } } })).toThrow(/layerDecay/);
    const { optimizer } = bound({});
    expect(() => optimizer.bind([])).toThrow(/new AdamW for each model/);
  });
});

describe('AdamW.step', () => {
  it('leaves parameters without a gradient alone, and counts steps for each by itself', () => {
    const { optimizer, variables } = bound({ learningRate: 0.1, weightDecay: 0.5, decayOn: 'all' });
    const [name, other] = ['image.fc.bias', 'text.projection.weight'];
    optimizer.step({ [name]: tf.ones([2]) });
    optimizer.step({ [name]: tf.ones([2]), [other]: tf.ones([2, 2]) });
    expect([...variables[other]!.dataSync()]).toEqual(near(Array(4).fill(0.95 - 0.1)));
    expect([...variables['image.conv1.weight']!.dataSync()]).toEqual(Array(6).fill(1));
    expect(optimizer.stepCounts()).toMatchObject({ [name]: 2, [other]: 1, logit_scale: 0 });
  });

  it('has no state for what is frozen, and starts it where it thaws', () => {
    const { optimizer, variables } = bound({ learningRate: 0.1 });
    for (const [name, variable] of Object.entries(variables)) variable.trainable = name !== 'logit_scale';
    optimizer.prepare();
    expect([...optimizer.namedState()].map(([name]) => name)).not.toContain('exp_avg.logit_scale');
    variables.logit_scale!.trainable = true;
    optimizer.prepare();
    expect([...optimizer.namedState()].map(([name]) => name)).toContain('exp_avg.logit_scale');
  });

  it('changes nothing for gradients that are not finite, where clipping looks at the norm', () => {
    const { optimizer, variables } = bound({ learningRate: 0.1 });
    const norm = optimizer.step({ logit_scale: tf.scalar(Number.NaN), 'image.fc.bias': tf.ones([2]) }, { clipNorm: 1 });
    expect(norm.dataSync()[0]).toBeNaN();
    expect([...variables['image.fc.bias']!.dataSync()]).toEqual([1, 1]);
  });
});

describe('schedules', () => {
  it('warm up by (t + 1) / warmup, then fall', () => {
    const cosine = warmupCosine({ total: 25, warmup: 5 });
    expect([0, 1, 4, 5, 15, 24].map(cosine)).toEqual(
      near([0.2, 0.4, 1, 1, 0.5, 0.5 * (1 + Math.cos((Math.PI * 19) / 20))]),
    );
    expect(warmupCosine({ total: 300, warmup: 0.1 })(29)).toBe(1);
    expect(cosine(1000)).toBeCloseTo(0);
    const linear = warmupLinear({ total: 10, warmup: 2, final: 0.1 });
    expect([1, 2, 6, 10].map(linear)).toEqual(near([1, 1, 0.55, 0.1]));
    expect([0, 1, 2, 99].map(warmupConstant({ warmup: 2 }))).toEqual([0.5, 1, 1, 1]);
    expect(() => warmupCosine({ total: 5, warmup: 6 })).toThrow(/warm-up within/);
  });
});

describe('names', () => {
  it('belong to towers', () => {
    expect(['image.a', 'text', 'fusion.x', 'matcher.weight', 'logit_bias', 'loss.w'].map(towerOf)).toEqual([
      'image',
      'text',
      'fusion',
      'matcher',
      'logit_bias',
      'loss',
    ]);
  });
});
