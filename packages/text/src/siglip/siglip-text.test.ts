import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import { memorySource } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { difference } from '../../test/fixtures.js';
import { tokens } from '../../test/tokens.js';
import { SIGLIP_TEXT_CONFIGS, SiglipText, type SiglipTextConfig } from '../index.js';

const TINY: SiglipTextConfig = { vocabSize: 30, maxPositions: 5, hiddenSize: 8, numLayers: 2, numHeads: 2 };

describe('SiglipText', () => {
  it("has transformers' names", () => {
    const names = [...new SiglipText(TINY).namedParameters()].map(([name]) => name);
    expect(names[0]).toBe('text_model.embeddings.token_embedding.weight');
    expect(names.slice(-2)).toEqual(['text_model.head.weight', 'text_model.head.bias']);
  });

  it('pools the head of the last position and marks real tokens', () => {
    const siglip = new SiglipText(TINY, { embedDim: 6 });
    const { pooled, sequence, mask } = siglip.encode(tokens([[4, 5]], 5), inference);
    expect([pooled.shape, sequence.shape]).toEqual([
      [1, 6],
      [1, 5, 6],
    ]);
    expect(difference(pooled, tf.squeeze(tf.slice(sequence, [0, 4], [1, 1]), [1]))).toBe(0);
    expect([...mask!.dataSync()]).toEqual([1, 1, 0, 0, 0]);
  });

  it('wants full rows', () => {
    const siglip = new SiglipText(TINY);
    expect(() => siglip.encode(tokens([[4, 5]], 4), inference)).toThrow(
      /text\.SiglipText: expected rows of 5 tokens.*got 4; pad the texts: .*padding: 'max_length', maxLength: 5/,
    );
    expect(() => siglip.encode(tokens([[4, 5]], 6), inference)).toThrow(/at most 5 tokens/);
  });

  it('describes itself, and refuses other models', async () => {
    expect(new SiglipText(TINY).describe()).toMatchObject({ kind: 'text/siglip', options: { embedDim: 8 } });
    expect(SIGLIP_TEXT_CONFIGS['siglip-base-patch16-224'].maxPositions).toBe(64);
    const source = memorySource({ 'config.json': '{"model_type":"clip"}' }, 'mine');
    await expect(SiglipText.fromPretrained(source)).rejects.toThrow(
      /a checkpoint of SigLIP, got mine, which transformers calls clip/,
    );
  });
});
