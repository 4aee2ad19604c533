import { ownText, utf8Bytes } from '../../bytes.js';

/** What makes ids of one word: the `model` of a `tokenizer.json`. */
export interface WordModel {
  /** Id of each token, without those that were added. */
  readonly vocabulary: ReadonlyMap<string, number>;
  /** How many entries the vocabulary has; added tokens count on from here. */
  readonly size: number;
  readonly unkTokenId: number | undefined;
  /** Adds the ids of a word. */
  word(text: string, ids: number[]): void;
}

const LONGEST_KEPT = 64;
const MOST_KEPT = 16384;

/** Remembers the ids of short words. */
export function remembering(word: (text: string) => readonly number[]): (text: string, ids: number[]) => void {
  const known = new Map<string, readonly number[]>();
  return (text, ids) => {
    let found = known.get(text);
    if (!found) {
      found = word(text);
      if (text.length <= LONGEST_KEPT) {
        if (known.size >= MOST_KEPT) known.clear();
        known.set(ownText(text), found);
      }
    }
    for (let i = 0; i < found.length; i++) ids.push(found[i]!);
  };
}

/** Ids of the bytes of a text by their tokens `<0x00>` to `<0xFF>`; undefined where one is missing. */
export function byteTokens(text: string, vocabulary: ReadonlyMap<string, number>): number[] | undefined {
  const ids: number[] = [];
  for (const byte of utf8Bytes(text)) {
    const id = vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    if (id === undefined) return undefined;
    ids.push(id);
  }
  return ids;
}
