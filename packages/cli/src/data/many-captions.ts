import type { Pair } from './pair.js';

/** Captions a picture, on average, from which they are more likely a file's lines than captions. */
const MANY = 8;

/**
 * What to say of pictures that have surprisingly many captions: lists of translations or notes beside a picture count line by line unless
 * it is said otherwise, and a run over 50,000 lines looks like one over 50,000 pictures.
 *
 * @returns undefined where there is nothing to say
 */
export function manyCaptions(pairs: readonly Pair[]): string | undefined {
  const pictures = new Set(pairs.map(({ image }) => image)).size;
  const each = pairs.length / pictures;
  if (!(each > MANY)) return undefined;
  return `${pictures} pictures have ${pairs.length} captions, ${Math.round(each)} each: every line of a .txt beside a picture counts as one. --captions first takes the first line alone, whole all lines as one`;
}
