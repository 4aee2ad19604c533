import { IDEOGRAPH, MARK, REMOVED, SPACE } from './character-classes.js';
import { lowerEach } from './pipeline/unicode.js';

/** Settings of BERT's normalizer, as `tokenizer.json` and `tokenizer_config.json` name them in snake case. */
export interface BertNormalizerOptions {
  readonly lowercase: boolean;
  /** Drops accents after canonical decomposition. */
  readonly stripAccents: boolean;
  /** Makes each Chinese character a word. */
  readonly handleChineseChars: boolean;
  /** Removes control characters and makes white space plain. Default true. */
  readonly cleanText?: boolean;
}

/**
 * Canonical decompositions that came into Unicode after the library's own table was made; the library leaves them whole.
 */
const NOT_DECOMPOSED =
  /([\u{105c9}\u{105e4}\u{11383}\u{11385}\u{1138e}\u{11391}\u{113c5}\u{113c7}\u{113c8}\u{11938}\u{16121}-\u{16128}\u{16d68}-\u{16d6a}])/u;

/**
 * BERT's normalizer on a piece of text: characters removed, white space made plain, ideographs set apart, accents dropped,
 * letters lowered one by one (so that a capital sigma never becomes a final one).
 *
 * @param classes see `characterClasses`
 */
export function normalizeBert(text: string, options: BertNormalizerOptions, classes: Uint8Array): string {
  const { lowercase, stripAccents, handleChineseChars, cleanText = true } = options;
  // Marks could go after the decomposition only; those that stand alone go now, so that no long run of them is sorted.
  const dropped = (stripAccents ? MARK : 0) | (cleanText ? REMOVED : 0);
  let clean = '';
  for (const char of text) {
    const kind = classes[char.codePointAt(0)!]!;
    if (kind & dropped) continue;
    if (kind & SPACE && cleanText) clean += ' ';
    else if (kind & IDEOGRAPH && handleChineseChars) clean += ` ${char} `;
    else clean += char;
  }
  const stripped = stripAccents ? dropMarks(decompose(clean), classes) : clean;
  return lowercase ? lowerEach(stripped) : stripped;
}

function decompose(text: string): string {
  if (!NOT_DECOMPOSED.test(text)) return text.normalize('NFD');
  return text
    .split(NOT_DECOMPOSED)
    .map((piece, i) => (i % 2 === 0 ? piece.normalize('NFD') : piece))
    .join('');
}

function dropMarks(text: string, classes: Uint8Array): string {
  let kept = '';
  for (const char of text) if (!(classes[char.codePointAt(0)!]! & MARK)) kept += char;
  return kept;
}
