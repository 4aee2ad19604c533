import { IDEOGRAPH, MARK, REMOVED, SPACE } from './character-classes.js';
import { normalizeAsLibrary } from './pipeline/library-unicode.js';
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
  const stripped = stripAccents ? dropMarks(normalizeAsLibrary(clean, 'NFD'), classes) : clean;
  return lowercase ? lowerEach(stripped) : stripped;
}

function dropMarks(text: string, classes: Uint8Array): string {
  let kept = '';
  for (const char of text) if (!(classes[char.codePointAt(0)!]! & MARK)) kept += char;
  return kept;
}
