import { bertCharacterRanges } from './bert-character-ranges.js';

/** Bits of a character's classes. */
export const REMOVED = 1;
export const SPACE = 2;
export const IDEOGRAPH = 4;
export const MARK = 8;
export const PUNCTUATION = 16;

const bits = { removed: REMOVED, space: SPACE, ideograph: IDEOGRAPH, mark: MARK, punctuation: PUNCTUATION };

/** The classes of each code point as BERT's tokenizer sees it, one byte a code point. */
export function characterClasses(): Uint8Array {
  const classes = new Uint8Array(0x110000);
  for (const [name, ranges] of Object.entries(bertCharacterRanges)) {
    for (const range of ranges.split(' ')) {
      const [first, last = first] = range.split('-').map((code) => Number.parseInt(code, 16)) as [number, number?];
      for (let code = first; code <= last; code++) classes[code]! |= bits[name as keyof typeof bits];
    }
  }
  // Lone surrogates have no UTF-8 form; a writer would put U+FFFD, which is removed.
  classes.fill(REMOVED, 0xd800, 0xe000);
  return classes;
}
