import '@tensorflow/tfjs-backend-cpu';
import { inference } from '@diptych/core';
import { memorySource } from '@diptych/weights';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { difference } from '../../test/fixtures.js';
import { tokens } from '../../test/tokens.js';
import { CLIP_TEXT_CONFIGS, ClipText, type ClipTextConfig, type ClipTextOptions } from '../index.js';

const EOS = 29;
const TINY: ClipTextConfig = {
  vocabSize: 30,
  maxPositions: 8,
  hiddenSize: 8,
  numLayers: 2,
  numHeads: 2,
  projectionDim: 6,
};
const make = (options: ClipTextOptions = {}) => new ClipText(TINY, options);
const pooledOf = (clip: ClipText, rows: number[][], padTo = 0) => clip.encode(tokens(rows, padTo), inference).pooled;

describe('ClipText', () => {
  it("has transformers' names", () => {
    const names = [...make().namedParameters()].map(([name]) => name);
    expect(names.slice(0, 4)).toEqual([
      'text_model.embeddings.token_embedding.weight',
      'text_model.embeddings.position_embedding.weight',
      'text_model.encoder.layers.0.layer_norm1.weight',
      'text_model.encoder.layers.0.layer_norm1.bias',
    ]);
    expect(names.slice(-3)).toEqual([
      'text_model.final_layer_norm.weight',
      'text_model.final_layer_norm.bias',
      'text_projection.weight',
    ]);
  });

  it('pools the first end token, and the last real one where there is none', () => {
    const clip = make();
    const ended = clip.encode(tokens([[1, 5, EOS, EOS, EOS]]), inference);
    expect(difference(ended.pooled, tf.squeeze(tf.slice(ended.sequence, [0, 2], [1, 1]), [1]))).toBeLessThan(1e-6);
    const cut = clip.encode(tokens([[1, 5, 6]], 5), inference);
    expect(difference(cut.pooled, tf.squeeze(tf.slice(cut.sequence, [0, 2], [1, 1]), [1]))).toBeLessThan(1e-6);
  });

  it('looks back only, and not at padding', () => {
    const clip = make();
    const rows = [[1, 5, EOS]];
    expect(difference(pooledOf(clip, rows), pooledOf(clip, rows, 8))).toBeLessThan(1e-6);
    expect(difference(pooledOf(clip, rows), pooledOf(clip, [[1, 5, EOS, 7]]))).toBeLessThan(1e-6);
    expect(difference(pooledOf(clip, rows), pooledOf(clip, [[1, 6, EOS]]))).toBeGreaterThan(1e-4);
  });

  it('sends gradients to every parameter', () => {
    const clip = make();
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(pooledOf(clip, [[1, 5, EOS]]))));
    for (const [name, parameter] of clip.namedParameters()) expect(grads[parameter.name], name).toBeDefined();
  });

  it('says when a row is too long, or a configuration makes no tower', () => {
    expect(() => pooledOf(make(), [[1, EOS]], 9)).toThrow(/text\.ClipText: expected at most 8 tokens.*got 9/);
    expect(() => new ClipText({ ...TINY, numHeads: 3 })).toThrow(/divides hiddenSize 8, got 3/);
    expect(() => new ClipText({ ...TINY, numLayers: 0 })).toThrow(/numLayers to be a whole number above 0/);
    // @ts-expect-error an unknown name
    expect(() => new ClipText('clip-vit-base')).toThrow(/expected one of clip-vit-base-patch32/);
  });

  it('describes itself so that it can be built again', () => {
    const { kind, options } = make({ embedDim: 4 }).describe();
    const { architecture, embedDim } = JSON.parse(JSON.stringify(options)) as {
      architecture: ClipTextConfig;
      embedDim: number;
    };
    expect([kind, new ClipText(architecture, { embedDim }).embedDim]).toEqual(['text/clip', 4]);
    expect(CLIP_TEXT_CONFIGS['clip-vit-base-patch32'].maxPositions).toBe(77);
  });

  it('refuses checkpoints of other models', async () => {
    const load = (config: object) =>
      ClipText.fromPretrained(memorySource({ 'config.json': JSON.stringify(config) }, 'mine'));
    await expect(load({ model_type: 'siglip' })).rejects.toThrow(
      /a checkpoint of CLIP, got mine, which transformers calls siglip/,
    );
    await expect(load({ model_type: 'clip', text_config: 7 })).rejects.toThrow(
      /text_config: expected an object, got 7/,
    );
  });

  it('leaves no tensor behind, ten times over', () => {
    const input = tokens([[1, EOS]]);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 10; i++) {
      const clip = make({ seed: i });
      tf.tidy(() => void clip.encode(input, inference));
      clip.dispose();
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});
