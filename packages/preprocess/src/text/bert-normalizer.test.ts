import { describe, expect, it } from 'vitest';
import { normalizeBert } from './bert-normalizer.js';
import { characterClasses, IDEOGRAPH, MARK, PUNCTUATION, REMOVED, SPACE } from './character-classes.js';

const classes = characterClasses();
const uncased = { lowercase: true, stripAccents: true, handleChineseChars: true };
const cased = { lowercase: false, stripAccents: false, handleChineseChars: false };

describe('characterClasses', () => {
  it('agree with Unicode where it has not changed', () => {
    for (let code = 0x20; code < 0x250; code++) {
      const char = String.fromCodePoint(code);
      expect([char, Boolean(classes[code]! & PUNCTUATION)]).toEqual([char, /[\p{P}$+<=>^`|~]/u.test(char)]);
      expect([char, Boolean(classes[code]! & SPACE)]).toEqual([char, char === ' ' || char === '\u00a0']);
    }
    expect(classes[0x0301]! & MARK).toBeTruthy();
    expect(classes[0x732b]! & IDEOGRAPH).toBeTruthy();
    expect(classes[0x2cea1]! & IDEOGRAPH).toBeTruthy();
    expect(classes[0xd800]).toBe(REMOVED);
  });

  it('keep the old version of Unicode that the library has', () => {
    // A punctuation mark of Unicode 11, a combining mark of 9, a format character of 9.
    expect(classes[0x0c77]! & PUNCTUATION).toBe(0);
    expect(classes[0x08d4]! & MARK).toBe(0);
    expect(classes[0x08e2]! & REMOVED).toBe(0);
  });
});

describe('normalizeBert', () => {
  it.each([
    ['ΟΔΟΣ ΣΑΣ', 'οδοσ σασ'],
    ['İstanbul', 'istanbul'],
    ['Ångström É e\u0301', 'angstrom e e'],
    ['한글', '한글'.normalize('NFD')],
    ['a\u0000b\u200bc\ufffdd\ud800e', 'abcde'],
    ['a\tb\u3000c\u0085d', 'a b cd'],
    ['x猫y', 'x 猫 y'],
    // The library does not know this decomposition of Unicode 16.
    ['a\u{105c9}é', 'a\u{105c9}e'],
  ])('uncased %j', (text, expected) => {
    expect(normalizeBert(text, uncased, classes)).toBe(expected);
  });

  it('cased leaves letters, accents and ideographs', () => {
    expect(normalizeBert('É猫\tΣ\u200b', cased, classes)).toBe('É猫 Σ');
  });
});
