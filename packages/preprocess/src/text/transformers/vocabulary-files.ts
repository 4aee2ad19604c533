import { InputError, type Json, type JsonObject } from '@diptych/core';
import { WHITE_SPACE } from '../pipeline/unicode.js';

const TRAILING_SPACE = new RegExp(`${WHITE_SPACE}+$`, 'u');

/**
 * A `vocab.txt`: one token a line, its number is its id. White space at the ends of lines goes; of a token that stands twice
 * the last line counts.
 */
export function vocabularyFromText(text: string): JsonObject {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return Object.fromEntries(lines.map((line, id) => [line.replace(TRAILING_SPACE, ''), id]));
}

/**
 * A `merges.txt`: two tokens a line, the best pair first.
 *
 * @throws InputError for a line of another form
 */
export function mergesFromText(text: string): Json[] {
  const merges: Json[] = [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const [index, line] of lines.entries()) {
    const trimmed = line.replace(/\r$/, '');
    if (trimmed.startsWith('#version')) continue;
    const pair = trimmed.split(' ');
    if (pair.length !== 2) {
      throw new InputError({
        where: `merges.txt:${index + 1}`,
        expected: 'two tokens and a space between them',
        got: JSON.stringify(trimmed),
      });
    }
    merges.push(pair);
  }
  return merges;
}
