import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../test/temp-folder.js';
import { expandBraces } from './braces.js';

const { folder, write } = tempFolder('braces');

describe('expandBraces', () => {
  it('expands ranges with their zeros, lists, and several of them', () => {
    expect(expandBraces('a.tar')).toEqual(['a.tar']);
    expect(expandBraces('s-{008..011}.tar')).toEqual(['s-008.tar', 's-009.tar', 's-010.tar', 's-011.tar']);
    expect(expandBraces('{train,val}-{0..1}')).toEqual(['train-0', 'train-1', 'val-0', 'val-1']);
    expect(expandBraces('{000..099}.tar').length).toBe(100);
  });

  it('does as bash with what is no pattern, and with ranges that go down', () => {
    for (const name of ['{}', '{a}', '{0..', 'open{brace']) expect(expandBraces(name)).toEqual([name]);
    expect(expandBraces('{3..1}')).toEqual(['3', '2', '1']);
    expect(expandBraces('{a,b{1,2}}')).toEqual(['a', 'b1', 'b2']);
  });

  it('takes folders and files that exist under the very name, and escapes', () => {
    write('{3F2504E0-4F89}/x.tar', '');
    write('a{1,b}c/x.tar', '');
    expect(expandBraces(`${folder}/{3F2504E0-4F89}/x.tar`)).toEqual([`${folder}/{3F2504E0-4F89}/x.tar`]);
    const part = (n: number) => `${folder}/a{1,b}c/part-${n}.tar`;
    expect(expandBraces(`${folder}/a{1,b}c/part-{0..1}.tar`)).toEqual([part(0), part(1)]);
    expect(expandBraces('\\{1,2\\}-{1,2}')).toEqual(['{1,2}-1', '{1,2}-2']);
  });

  it.each(['{0..9999999}', '{0..9999}{0..9999}'])('refuses %s', (pattern) => {
    expect(() => expandBraces(pattern)).toThrow(`got ${JSON.stringify(pattern)}`);
  });

  it('expands a million', () => {
    expect(expandBraces('{000000..999999}').length).toBe(1_000_000);
  });
});
