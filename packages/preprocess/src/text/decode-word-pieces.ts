/**
 * Joins WordPiece tokens to text: continuations are glued on, and the spaces before punctuation and English contractions go.
 * As the `WordPiece` decoder with `cleanup` of the library `tokenizers`.
 */
export function decodeWordPieces(tokens: readonly string[], prefix: string): string {
  return tokens
    .map((token, i) => {
      if (i === 0) return cleanUp(token);
      return cleanUp(prefix && token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`);
    })
    .join('');
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

function cleanUp(text: string): string {
  return CLEANUPS.reduce((clean, [from, to]) => clean.replaceAll(from, to), text);
}
