import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { difference } from '../test/fixtures.js';
import { tokens } from '../test/tokens.js';
import { SmallTransformer, type SmallTransformerOptions } from './index.js';

const make = (options: Partial<SmallTransformerOptions> = {}) =>
  new SmallTransformer({ vocabSize: 20, embedDim: 6, hiddenSize: 8, numLayers: 2, maxPositions: 7, ...options });
const rows = [[3, 4, 5], [7]];

describe('SmallTransformer', () => {
  it('gives pooled, sequence and mask', () => {
    const { pooled, sequence, mask } = make().encode(tokens(rows), inference);
    expect([pooled.shape, sequence.shape, mask!.shape]).toEqual([
      [2, 6],
      [2, 3, 6],
      [2, 3],
    ]);
  });

  it.each(['mean', 'cls', 'max'] as const)('does not see padding, but does see order: %s', (pooling) => {
    const model = make({ pooling });
    const pooledOf = (ids: number[][], padTo = 0) => model.encode(tokens(ids, padTo), inference).pooled;
    expect(difference(pooledOf([[3, 4, 5]]), pooledOf([[3, 4, 5]], 7))).toBeLessThan(1e-6);
    expect(difference(pooledOf([[3, 4, 5]]), pooledOf([[3, 5, 4]]))).toBeGreaterThan(1e-5);
  });

  it('drops in training, the same for the same step', () => {
    const model = make({ dropout: 0.5 }).bindPaths('text');
    const run = (step: number) => model.encode(tokens(rows), { training: true, random: randomStream(1, step) }).pooled;
    expect(difference(run(1), run(1))).toBe(0);
    expect(difference(run(1), run(2))).toBeGreaterThan(1e-4);
  });

  it('learns: the loss of a fixed pairing falls', () => {
    const model = make({ dropout: 0 });
    const target = tf.tensor2d([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], [2, 6]);
    const variables = [...model.namedParameters()].map(([, variable]) => variable);
    const loss = () => tf.mean(tf.square(tf.sub(model.encode(tokens(rows), inference).pooled, target))) as tf.Scalar;
    const first = loss().dataSync()[0]!;
    for (let step = 0; step < 40; step++) {
      const { grads } = tf.variableGrads(loss, variables);
      for (const variable of variables) variable.assign(tf.sub(variable, tf.mul(grads[variable.name]!, 0.1)));
    }
    expect(loss().dataSync()[0]!).toBeLessThan(0.25 * first);
  });

  it('describes itself so that it can be built again', () => {
    const model = make({ pooling: 'max' });
    const { kind, options } = model.describe();
    expect(kind).toBe('text/small-transformer');
    expect(new SmallTransformer(JSON.parse(JSON.stringify(options))).describe()).toEqual(model.describe());
  });

  it('says when a row is too long', () => {
    expect(make().maxLength).toBe(7);
    expect(() => make().encode(tokens(rows, 8), inference)).toThrow(
      /text\.SmallTransformer: expected at most 7 tokens/,
    );
    expect(() => make({ numHeads: 3 })).toThrow(/divides hiddenSize 8, got 3/);
  });

  it('leaves no tensor behind, ten times over', () => {
    const input = tokens(rows);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 10; i++) {
      const model = make({ seed: i });
      tf.tidy(() => void model.encode(input, inference));
      model.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});
