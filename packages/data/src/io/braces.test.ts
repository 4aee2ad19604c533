import { describe, expect, it } from 'vitest';
import { expandBraces } from './braces.js';

describe('expandBraces', () => {
  it('expands ranges with their zeros, lists, and several of them', () => {
    expect(expandBraces('a.tar')).toEqual(['a.tar']);
    expect(expandBraces('s-{008..011}.tar')).toEqual(['s-008.tar', 's-009.tar', 's-010.tar', 's-011.tar']);
    expect(expandBraces('{train,val}-{0..1}')).toEqual(['train-0', 'train-1', 'val-0', 'val-1']);
    expect(expandBraces('{000..099}.tar').length).toBe(100);
  });

  it.each(['{0..', '{3..1}', '{}', '{a{b}}', '{0..9999999}', '{0..9999}{0..9999}'])('refuses %s', (pattern) => {
    expect(() => expandBraces(pattern)).toThrow(`got ${JSON.stringify(pattern)}`);
  });
});
