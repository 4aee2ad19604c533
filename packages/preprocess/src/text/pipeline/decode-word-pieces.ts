/**
 * Joins WordPiece tokens to text: continuations are glued on, and the spaces before punctuation and English contractions go.
 * As the `WordPiece` decoder with `cleanup` of the library `tokenizers`.
 */
export function decodeWordPieces(tokens: readonly string[], prefix: string): string {
  return tokens.map((token, i) => cleanUpWordPiece(joinWordPiece(token, i, prefix))).join('');
}

/** A token with the space that it begins with, or without its prefix. @param index its place in the text */
export function joinWordPiece(token: string, index: number, prefix: string): string {
  if (index === 0) return token;
  return prefix && token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
}

const CLEANUPS: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** Without the spaces before punctuation and contractions. */
export function cleanUpWordPiece(text: string): string {
  return CLEANUPS.reduce((clean, [from, to]) => clean.replaceAll(from, to), text);
}
