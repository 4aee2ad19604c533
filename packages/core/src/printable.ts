/**
 * Text from files, addresses and captions as it may be shown: control characters, lone surrogates and the characters that
 * turn the direction of writing become escapes (`\n`, `\u001b`, `\u202e`), so that a caption can neither steer a terminal,
 * nor forge a line of a log, nor show a path that is not the one meant (Unicode UTR 36, 2.8). Joiners stay: emoji and
 * Indic and Persian words are written with them.
 */
export function printable(text: string): string {
  return STEERING.test(text) ? text.replace(EACH_STEERING, escaped) : text;
}

// Control characters; lone surrogates; marks, embeddings, overrides and isolates of direction; line and paragraph
// separators; the byte order mark; invisible operators that hide in words.
const STEERING_CLASS =
  '[\\p{Cc}\\p{Cs}\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]';
const STEERING = new RegExp(STEERING_CLASS, 'u');
const EACH_STEERING = new RegExp(STEERING_CLASS, 'gu');

function escaped(character: string): string {
  const short = SHORT[character];
  return short ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
