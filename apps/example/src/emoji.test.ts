import { existsSync } from 'node:fs';
import { splitPairs } from '@diptych/cli';
import { describe, expect, it } from 'vitest';
import { emojiPairs } from './emoji.js';

const pairs = emojiPairs();

describe('emojiPairs', () => {
  it('joins every picture with its name', () => {
    expect(pairs).toHaveLength(3786);
    expect(new Set(pairs.map((pair) => pair.id)).size).toBe(3786);
    expect(new Set(pairs.map((pair) => pair.text)).size).toBe(3786);
    expect(new Set(pairs.map((pair) => pair.group)).size).toBe(1911);
    expect(pairs.every((pair) => existsSync(pair.image))).toBe(true);
  });

  it('keeps skin tones in the group of their parent', () => {
    const wave = pairs.filter((pair) => pair.group === '1F44B');
    expect(wave.map((pair) => pair.text)).toContain('waving hand: dark skin tone');
    expect(wave).toHaveLength(6);
  });
});

describe('splitPairs', () => {
  it('holds out the documented numbers', () => {
    expect(splitPairs(pairs, 'random', 0).heldOut).toHaveLength(757);
    expect([0, 1, 2].map((seed) => splitPairs(pairs, 'base', seed).heldOut.length)).toEqual([757, 763, 761]);
  });

  it('never puts variants of one emoji on both sides of a base split', () => {
    const { train, heldOut } = splitPairs(pairs, 'base', 3);
    const groups = new Set(train.map((pair) => pair.group));
    expect(heldOut.some((pair) => groups.has(pair.group))).toBe(false);
    expect(train.length + heldOut.length).toBe(3786);
  });
});
