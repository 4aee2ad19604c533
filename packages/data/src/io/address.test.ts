import { publicName, withoutQueries } from '@diptych/core/http';
import { describe, expect, it } from 'vitest';
import { labelledFiles } from './address.js';

describe('labelledFiles', () => {
  const labels = (files: string[]) => labelledFiles(files).map(({ label }) => label);

  it('gives the way from the common folder', () => {
    expect(labels(['/d/a.jsonl'])).toEqual(['a.jsonl']);
    expect(labels(['/d/a.jsonl', '/d/b.jsonl'])).toEqual(['a.jsonl', 'b.jsonl']);
    expect(labels(['/d/n/a.jsonl', '/d/s/a.jsonl'])).toEqual(['n/a.jsonl', 's/a.jsonl']);
    expect(labels(['/d/part/a', '/d/partial/a'])).toEqual(['part/a', 'partial/a']);
    expect(labels(['/a', 'https://h/a'])).toEqual(['/a', 'https://h/a']);
    expect(labels(['d/a', './d/a'])).toEqual(['a', 'a']);
  });

  it('numbers addresses that differ in their query alone', () => {
    expect(labels(['https://h/get?id=1', 'https://h/get?id=2', 'https://h/get?id=1'])).toEqual(['get', 'get#1', 'get']);
  });
});

describe('publicName', () => {
  it('has no user, query or fragment', () => {
    expect(publicName('https://u:p@h:8080/a%20b.tar?X-Sig=1#f')).toBe('https://h:8080/a%20b.tar');
    expect(publicName('what?#.tar')).toBe('what?#.tar');
    expect(withoutQueries('failed: https://u:p@h/a?s=1, http://h/b#x')).toBe('failed: https://h/a http://h/b');
  });
});
