import { libraryCharacters } from './library-characters.js';

const UNKNOWN = new RegExp(`([${classOf(libraryCharacters.unknown)}])`, 'u');
const MARKS = new RegExp(`[${classOf(libraryCharacters.marks)}]`, 'gu');

/** A normalization with the library's version of Unicode: what it does not know stands for itself and parts its neighbours. */
export function normalizeAsLibrary(text: string, form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): string {
  if (!UNKNOWN.test(text)) return text.normalize(form);
  return text
    .split(UNKNOWN)
    .map((piece, i) => (i % 2 === 0 ? piece.normalize(form) : piece))
    .join('');
}

/** Text without the marks that the library knows. */
export function withoutMarks(text: string): string {
  return text.replace(MARKS, '');
}

function classOf(ranges: string): string {
  return ranges.replace(/[0-9a-f]+/g, (code) => `\\u{${code}}`).replaceAll(' ', '');
}
