import { InputError } from '@diptych/core';
import { byteTokens, remembering, type WordModel } from './word-model.js';

/** Settings of {@link Bpe}, as `tokenizer.json` has them in snake case. */
export interface BpeOptions {
  readonly unkToken?: string;
  readonly continuingSubwordPrefix?: string;
  readonly endOfWordSuffix?: string;
  /** Neighbouring unknown characters become one unknown token. */
  readonly fuseUnk?: boolean;
  /** An unknown character becomes its bytes. */
  readonly byteFallback?: boolean;
  /** A word that is a token is that token, whatever the merges say. */
  readonly ignoreMerges?: boolean;
}

/** A merge of two tokens: its rank, and what comes of it. */
interface Merge {
  readonly rank: number;
  readonly id: number;
}

/** Pairs of ids are one number; vocabularies have fewer entries than this. */
const PAIR = 2 ** 26;

/**
 * Byte-pair encoding (Sennrich et al. 2016): the pair of the best rank is merged first, the leftmost of equals. An unknown
 * character without an unknown token is dropped, as the library `tokenizers` does.
 */
export class Bpe implements WordModel {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly size: number;
  readonly unkTokenId: number | undefined;
  readonly word: (text: string, ids: number[]) => void;
  readonly #options: BpeOptions;
  readonly #merges = new Map<number, Merge>();

  /**
   * @param merges pairs of tokens, the best first
   * @throws InputError for a merge of tokens that the vocabulary lacks
   */
  constructor(
    vocabulary: ReadonlyMap<string, number>,
    merges: readonly (readonly [string, string])[],
    options: BpeOptions = {},
  ) {
    this.vocabulary = vocabulary;
    this.size = vocabulary.size;
    this.#options = options;
    this.unkTokenId = options.unkToken === undefined ? undefined : vocabulary.get(options.unkToken);
    const cut = options.continuingSubwordPrefix?.length ?? 0;
    for (const [rank, [left, right]] of merges.entries()) {
      const [a, b, id] = [left, right, left + right.slice(cut)].map((token) => vocabulary.get(token));
      if (a === undefined || b === undefined || id === undefined) {
        throw new InputError({
          where: 'tokenizer.json: model BPE',
          expected: 'merges of tokens of the vocabulary',
          got: `merge ${rank}, ${JSON.stringify(left)} and ${JSON.stringify(right)}`,
        });
      }
      this.#merges.set(a * PAIR + b, { rank, id });
    }
    this.word = remembering((text) => this.#pieces(text));
  }

  #pieces(text: string): readonly number[] {
    const whole = this.#options.ignoreMerges ? this.vocabulary.get(text) : undefined;
    return whole === undefined ? this.#merge(this.#characters(text)) : [whole];
  }

  #characters(text: string): number[] {
    const { continuingSubwordPrefix: prefix = '', endOfWordSuffix: suffix = '', fuseUnk, byteFallback } = this.#options;
    const ids: number[] = [];
    let pending = false;
    let at = 0;
    for (const char of text) {
      const token = (at === 0 ? '' : prefix) + char + (at + char.length === text.length ? suffix : '');
      at += char.length;
      const id = this.vocabulary.get(token);
      if (id !== undefined) {
        if (pending) ids.push(this.unkTokenId!);
        pending = false;
        ids.push(id);
        continue;
      }
      const bytes = byteFallback ? byteTokens(token, this.vocabulary) : undefined;
      if (bytes) {
        ids.push(...bytes);
      } else if (this.unkTokenId !== undefined) {
        if (pending && !fuseUnk) ids.push(this.unkTokenId);
        pending = true;
      }
    }
    if (pending) ids.push(this.unkTokenId!);
    return ids;
  }

  /** Merges until no pair has a rank. Pairs wait in a heap, by rank and place. */
  #merge(ids: number[]): readonly number[] {
    if (ids.length < 2) return ids;
    const next = ids.map((_, i) => (i + 1 < ids.length ? i + 1 : -1));
    const previous = ids.map((_, i) => i - 1);
    const heap = new PairHeap();
    const offer = (at: number) => {
      if (at < 0 || next[at]! < 0) return;
      const merge = this.#merges.get(ids[at]! * PAIR + ids[next[at]!]!);
      if (merge) heap.push(merge.rank, at, merge.id);
    };
    for (let at = 0; at < ids.length; at++) offer(at);
    for (let top = heap.pop(); top; top = heap.pop()) {
      const [, at, id] = top;
      const right = ids[at]! < 0 ? -1 : next[at]!;
      // the pair may have been merged with others since
      if (right < 0 || this.#merges.get(ids[at]! * PAIR + ids[right]!)?.id !== id) continue;
      ids[at] = id;
      ids[right] = -1;
      next[at] = next[right]!;
      if (next[at]! >= 0) previous[next[at]!] = at;
      offer(previous[at]!);
      offer(at);
    }
    return ids.filter((id) => id >= 0);
  }
}

type Entry = readonly [rank: number, at: number, id: number];

/** A binary heap, the smallest rank first, of equals the smallest place. */
class PairHeap {
  readonly #entries: Entry[] = [];

  push(rank: number, at: number, id: number): void {
    const entries = this.#entries;
    entries.push([rank, at, id]);
    let child = entries.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!before(entries[child]!, entries[parent]!)) break;
      swap(entries, child, parent);
      child = parent;
    }
  }

  pop(): Entry | undefined {
    const entries = this.#entries;
    const top = entries[0];
    const last = entries.pop();
    if (entries.length === 0 || last === undefined) return top;
    entries[0] = last;
    for (let parent = 0; ; ) {
      let child = 2 * parent + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && before(entries[child + 1]!, entries[child]!)) child++;
      if (!before(entries[child]!, entries[parent]!)) break;
      swap(entries, child, parent);
      parent = child;
    }
    return top;
  }
}

function before([rank, at]: Entry, [otherRank, otherAt]: Entry): boolean {
  return rank < otherRank || (rank === otherRank && at < otherAt);
}

function swap(entries: Entry[], a: number, b: number): void {
  const entry = entries[a]!;
  entries[a] = entries[b]!;
  entries[b] = entry;
}
