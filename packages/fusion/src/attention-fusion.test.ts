import '@tensorflow/tfjs-backend-cpu';
import { inference, isDiptychError } from '@diptych/core';
import { randomStream } from '@diptych/nn';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { towerOutput } from '../test/tower-output.js';
import { AttentionFusion } from './index.js';

beforeAll(() => tf.setBackend('cpu'));

describe('AttentionFusion', () => {
  it('has the reference names and gives the picture token of self-attention over two tokens', () => {
    const fusion = new AttentionFusion({ embedDim: 8, numHeads: 2, seed: 3 });
    expect([...fusion.namedParameters()].map(([name]) => name)).toEqual([
      'in_proj_weight',
      'in_proj_bias',
      'out_proj.weight',
      'out_proj.bias',
    ]);
    const [image, text] = [towerOutput(1, 3, 4, 8), towerOutput(2, 3, 5, 8)];
    const { fused, attention } = fusion.fuse(image, text, inference);
    const both = tf.stack([image.pooled, text.pooled], 1) as tf.Tensor3D;
    const expected = fusion.forward(both, both, both, {}, inference).output;
    expect(fused.arraySync()).toEqual(tf.reshape(tf.slice(expected, [0, 0, 0], [3, 1, 8]), [3, 8]).arraySync());
    expect(attention!.pair!.shape).toEqual([3, 2, 2, 2]);
    const sums = tf.sum(attention!.pair!, -1).dataSync();
    for (const sum of sums) expect(sum).toBeCloseTo(1, 5);
  });

  it('with normalize does not depend on the lengths of its inputs', () => {
    const fusion = new AttentionFusion({ embedDim: 8, numHeads: 2, normalize: true });
    const [image, text] = [towerOutput(1, 3, 4, 8), towerOutput(2, 3, 5, 8)];
    const longer = { ...image, pooled: tf.mul(image.pooled, 7) as tf.Tensor2D };
    const a = fusion.fuse(image, text, inference).fused.dataSync();
    const b = fusion.fuse(longer, text, inference).fused.dataSync();
    for (const [i, value] of a.entries()) expect(b[i]).toBeCloseTo(value, 5);
  });

  it('copes with a missing modality, and modality dropout trains both placeholders', () => {
    const fusion = new AttentionFusion({ embedDim: 8, numHeads: 2, modalityDropout: 0.8 }).bindPaths('fusion');
    const [image, text] = [towerOutput(1, 16, 4, 8), towerOutput(2, 16, 5, 8)];
    expect(fusion.fuse(image, undefined, inference).fused.shape).toEqual([16, 8]);
    expect(fusion.fuse(undefined, text, inference).fused.shape).toEqual([16, 8]);
    const random = randomStream(0, 1);
    const { grads } = tf.variableGrads(() => tf.sum(fusion.fuse(image, text, { training: true, random }).fused));
    for (const variable of [fusion.missing.image!, fusion.missing.text!]) {
      expect(tf.sum(tf.abs(grads[variable.name]!)).dataSync()[0]).toBeGreaterThan(0);
    }
  });

  it('says what is missing where there is no placeholder', () => {
    const fusion = new AttentionFusion({ embedDim: 8, numHeads: 2 });
    expect(() => fusion.fuse(towerOutput(1, 3, 4, 8), undefined, inference)).toThrow(
      /text is missing.*placeholders: true/,
    );
    expect(() => fusion.fuse(undefined, undefined, inference)).toThrow(/neither/);
  });

  it('refuses widths, batches and options that do not fit', () => {
    const fusion = new AttentionFusion({ embedDim: 8, numHeads: 2 });
    expect(() => fusion.fuse(towerOutput(1, 3, 4, 6), towerOutput(1, 3, 4, 8), inference)).toThrow(/\[3,8\].*\[3,6\]/);
    expect(() => fusion.fuse(towerOutput(1, 3, 4, 8), towerOutput(1, 2, 4, 8), inference)).toThrow(/\[3,8\].*\[2,8\]/);
    for (const options of [{ embedDim: 9 }, { embedDim: 8, modalityDropout: 1 }, { embedDim: 0 }]) {
      let caught: unknown;
      try {
        new AttentionFusion(options);
      } catch (error) {
        caught = error;
      }
      expect(isDiptychError(caught) && caught.code).toBe('config');
    }
  });
});
