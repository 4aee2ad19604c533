import { pairs as inMemory, type PairSource } from '@diptych/data';
import type { Pair } from './pair.js';

/**
 * What a pair is called in training, one drawn for each epoch: mostly its name, sometimes with a tag ("dog face puppy"), so
 * that the tags' words are learned without losing what tells this picture from its like; now and then with an article, as
 * people write when they search.
 */
export function trainingCaptions({ text, tags = [] }: Pair): readonly string[] {
  const further = tags.filter((tag) => !text.includes(tag));
  if (further.length === 0) return [text];
  return further.flatMap((tag, i) => [text, text, `${text} ${tag}`, ...(i % 3 === 0 ? [`a ${text}`] : [])]);
}

/**
 * A source of pairs in memory, for a loader that draws one of the captions for each epoch. Captions of one picture are right answers to
 * each other.
 */
export function captionedSource(pairs: readonly Pair[]): PairSource {
  return inMemory(pairs.map((pair) => ({ id: pair.image, image: pair.image, text: trainingCaptions(pair) })));
}
