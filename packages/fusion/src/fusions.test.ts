import '@tensorflow/tfjs-backend-cpu';
import { type Context, type EncoderOutput, type Fusion, inference, stateless } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { towerOutput } from '../test/tower-output.js';
import { AttentionFusion, BottleneckFusion, CoAttentionFusion, ConcatMlpFusion, GatedFusion } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

const D = 8;
const MASK = [
  [1, 1, 1, 0, 0],
  [1, 1, 0, 0, 0],
  [1, 1, 1, 1, 1],
];
const options = { embedDim: D, placeholders: true, seed: 4 };
const FUSIONS = {
  attention: (more = {}) => new AttentionFusion({ ...options, numHeads: 2, ...more }),
  'co-attention': (more = {}) => new CoAttentionFusion({ ...options, numHeads: 2, ...more }),
  bottleneck: (more = {}) => new BottleneckFusion({ ...options, numHeads: 2, numLatents: 3, ...more }),
  gated: (more = {}) => new GatedFusion({ ...options, ...more }),
  'concat-mlp': (more = {}) => new ConcatMlpFusion({ ...options, ...more }),
};

describe.each(Object.entries(FUSIONS))('%s', (kind, make) => {
  const image = () => towerOutput(1, 3, 4, D);
  const text = () => towerOutput(2, 3, 5, D, MASK);

  it('joins two towers into [B, D], and describes itself so that the same can be built again', () => {
    const fusion = make();
    const { fused } = fusion.fuse(image(), text(), inference);
    expect(fused.shape).toEqual([3, D]);
    const description = fusion.describe();
    expect(description.kind).toBe(`fusion/${kind}`);
    const again = make(JSON.parse(JSON.stringify(description.options)));
    expect(again.fuse(image(), text(), inference).fused.arraySync()).toEqual(fused.arraySync());
  });

  it('gives attention maps whose rows sum to 1', () => {
    const { attention = {} } = make().fuse(image(), text(), inference);
    if (kind !== 'concat-mlp') expect(Object.keys(attention).length).toBeGreaterThan(0);
    for (const map of Object.values(attention)) {
      expect(map.shape[0]).toBe(3);
      for (const sum of tf.sum(map, -1).dataSync()) expect(sum).toBeCloseTo(1, 5);
    }
  });

  it('does not see masked tokens', () => {
    const fusion = make();
    const plain = fusion.fuse(image(), text(), inference).fused.arraySync();
    const { pooled, sequence, mask } = text();
    const noise = tf.mul(tf.sub(1, tf.reshape(mask!, [3, 5, 1])), 100);
    const noisy = { pooled, sequence: tf.add(sequence, noise) as tf.Tensor3D, mask };
    expect(fusion.fuse(image(), noisy, inference).fused.arraySync()).toEqual(plain);
  });

  it('copes with a missing modality: a row without one is the same as the modality not given', () => {
    const fusion = make({ modalityDropout: 0.999 }).bindPaths('fusion');
    const training: Context = { training: true, random: randomStream(3, 1) };
    const dropped = fusion.fuse(image(), text(), training).fused.arraySync();
    const without = [
      fusion.fuse(undefined, text(), inference).fused.arraySync(),
      fusion.fuse(image(), undefined, inference).fused.arraySync(),
    ];
    for (let row = 0; row < 3; row++) {
      const distance = (a: number[]) => Math.max(...a.map((value, i) => Math.abs(value - dropped[row]![i]!)));
      expect(Math.min(...without.map((rows) => distance(rows[row]!)))).toBeLessThan(1e-5);
    }
  });

  it('has gradients for every parameter, and gives its memory back', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const fusion = make({ modalityDropout: 0.5, ...(kind === 'gated' ? {} : { dropout: 0.1 }) }).bindPaths('fusion');
      const random = randomStream(1, 2);
      const { grads } = tf.variableGrads(() =>
        tf.sum(
          tf.square(fusion.fuse(towerOutput(5, 12, 4, D), towerOutput(6, 12, 5, D), { training: true, random }).fused),
        ),
      );
      for (const [name, variable] of fusion.namedParameters()) expect(grads[variable.name], name).toBeDefined();
      fusion.dispose();
    });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('draws its first weights from the seed', () => {
    const weights = (seed: number) => [...make({ seed }).namedParameters()].map(([, variable]) => variable.arraySync());
    expect(weights(1)).toEqual(weights(1));
    expect(weights(1)).not.toEqual(weights(2));
  });
});

describe('a fusion of your own', () => {
  it('takes a few lines', () => {
    const product: Fusion = {
      ...stateless,
      embedDim: D,
      fuse: (image: EncoderOutput, text: EncoderOutput) => ({ fused: tf.mul(image.pooled, text.pooled) }),
    };
    expect(product.fuse(towerOutput(1, 2, 3, D), towerOutput(2, 2, 3, D), inference).fused.shape).toEqual([2, D]);
  });
});

describe('sizes that make no network', () => {
  it.each([
    [() => new CoAttentionFusion({ embedDim: 8, numLayers: 0 }), /numLayers/],
    [() => new BottleneckFusion({ embedDim: 8, numLatents: 1.5 }), /numLatents/],
    [() => new CoAttentionFusion({ embedDim: 9 }), /divides embedDim 9/],
    [() => new GatedFusion({ embedDim: -1 }), /embedDim/],
    [() => new ConcatMlpFusion({ embedDim: 8, modalityDropout: 0.1, placeholders: false }), /placeholders: false/],
  ])('%s', (make, message) => {
    expect(make).toThrow(message);
  });
});
