import { describe, expect, it } from 'vitest';
import { choose, matchesPattern, type ParameterPattern } from './index.js';

describe('ParameterPattern', () => {
  it.each<[ParameterPattern, string, boolean]>([
    ['text', 'text.embeddings.weight', true],
    ['text', 'textual.weight', false],
    ['text.embed', 'text.embeddings.weight', false],
    ['text.embed*', 'text.embeddings.weight', true],
    ['*', 'text.embeddings.weight', true],
    ['*.LayerNorm', 'text.layer.0.LayerNorm.weight', false],
    ['**.LayerNorm', 'text.layer.0.LayerNorm.weight', true],
    ['**.LayerNorm', 'LayerNorm.weight', true],
    ['text.**.bias', 'text.layer.0.bias', true],
    ['text.**.bias', 'text.bias', true],
    ['text.**.bias', 'text.layer.0.weight', false],
    ['**', 'logit_scale', true],
    ['text.layer.1', 'text.layer.10.weight', false],
    ['text.layer.(1|2)', 'text.layer.1.weight', false],
    [/\.bias$/g, 'text.layer.0.bias', true],
    [['image', /bias/], 'text.bias', true],
    [[], 'text.bias', false],
  ])('%s and %s: %s', (pattern, path, expected) => {
    expect(matchesPattern(path, pattern)).toBe(expected);
    expect(matchesPattern(path, pattern)).toBe(expected); // a flag g remembers nothing
  });

  it('chooses in order, and refuses what means nothing', () => {
    const named = ['image.fc.weight', 'image.fc.bias', 'text.fc.weight'].map((name, i) => [name, i] as const);
    expect(choose('here', 'parameters', named, ['text', 'image.fc.bias']).map(([, i]) => i)).toEqual([1, 2]);
    expect(() => choose('here', 'parameters', named, ['image', 'imgae.fc'])).toThrow(
      /here: expected a pattern of the parameters \(image\.fc\.weight.*got imgae\.fc; did you mean image\.fc\?/,
    );
    expect(() => choose('here', 'parameters', named, /layer/)).toThrow(/got \/layer\/$/);
  });
});
