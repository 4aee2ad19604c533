/** Rust's `char::is_whitespace`: White_Space of Unicode. JavaScript's `\s` has U+FEFF and lacks U+0085. */
export const WHITE_SPACE = '\\p{White_Space}';
/** A character of `\w` in Rust's regular expressions (Unicode Technical Standard 18, annex C). */
export const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';

/**
 * Letters lowered one by one, as Rust does it: a capital sigma never becomes a final one.
 */
export function lowerEach(text: string): string {
  if (!text.includes('\u03a3')) return text.toLowerCase();
  return text
    .split('\u03a3')
    .map((piece) => piece.toLowerCase())
    .join('\u03c3');
}

/** Lone surrogates become U+FFFD, as in UTF-8. Node 20 has the method, TypeScript's ES2023 does not know it. */
export function toWellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

export function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
