import { checkList, checkText } from './config-checks.js';
import { siteOf } from './philox.js';
import { SampleRandom } from './random.js';

/** A list that can be put in another order where it lies. */
type Reorderable<T> = T[] | (Uint32Array & { [index: number]: T });

/** Puts a list in a uniformly random order, in place: Fisher and Yates' shuffle. */
export function shuffle<List extends Reorderable<unknown>>(list: List, random: SampleRandom): List {
  checkList('core.shuffle', 'what is shuffled', list);
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const held = list[i];
    list[i] = list[j] as never;
    list[j] = held as never;
  }
  return list;
}

/**
 * A uniform permutation of 0 … length - 1 by (seed, epoch).
 *
 * @param site what the permutation is for; two uses need two sites
 */
export function permutation(length: number, seed: number, epoch: number, site: string): Uint32Array {
  checkText('core.permutation', 'the site', site);
  const order = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i;
  return shuffle(order, new SampleRandom({ training: true, seed, epoch, item: 0 }, siteOf(site)));
}
