import { InputError } from '@diptych/core';
import { byteTokens, remembering, type WordModel } from './word-model.js';

/** What an unknown character costs beyond the least likely token. */
const UNKNOWN_PENALTY = 10;

interface TrieNode {
  readonly children: Map<number, TrieNode>;
  /** Place of the token that ends here. */
  id: number;
}

/**
 * The most likely segmentation of a word (Kudo 2018, SentencePiece's `EncodeOptimized`): of equals the one whose last token is
 * the longest. Neighbouring unknown characters are one unknown token, or bytes where the vocabulary has them.
 */
export class Unigram implements WordModel {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly size: number;
  readonly unkTokenId: number | undefined;
  readonly word: (text: string, ids: number[]) => void;
  readonly #scores: readonly number[];
  readonly #trie: TrieNode = { children: new Map(), id: -1 };
  readonly #unkScore: number;
  readonly #byteFallback: boolean;

  /**
   * @param entries tokens with the logarithm of their likelihood; a token's place is its id
   * @throws InputError if the unknown token lies outside of the entries
   */
  constructor(entries: readonly (readonly [string, number])[], unkId: number | undefined, byteFallback: boolean) {
    if (unkId !== undefined && !(unkId >= 0 && unkId < entries.length)) {
      throw new InputError({
        where: 'tokenizer.json: model Unigram',
        expected: `unk_id below ${entries.length}`,
        got: String(unkId),
      });
    }
    this.vocabulary = new Map(entries.map(([token], id) => [token, id]));
    this.size = entries.length;
    this.unkTokenId = unkId;
    this.#byteFallback = byteFallback;
    this.#scores = entries.map(([, score]) => score);
    this.#unkScore =
      this.#scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - UNKNOWN_PENALTY;
    for (const [token, id] of this.vocabulary) {
      let node = this.#trie;
      for (let i = 0; i < token.length; i++) {
        const code = token.charCodeAt(i);
        let child = node.children.get(code);
        if (!child) {
          child = { children: new Map(), id: -1 };
          node.children.set(code, child);
        }
        node = child;
      }
      if (token !== '') node.id = id;
    }
    this.word = remembering((text) => this.#segments(text));
  }

  #segments(text: string): readonly number[] {
    const size = text.length;
    const scores = new Float64Array(size + 1);
    const starts = new Int32Array(size + 1).fill(-1);
    const ids = new Int32Array(size + 1);
    const reach = (end: number, start: number, score: number, id: number) => {
      if (starts[end]! >= 0 && score <= scores[end]!) return;
      scores[end] = score;
      starts[end] = start;
      ids[end] = id;
    };
    for (let at = 0; at < size; ) {
      const width = text.codePointAt(at)! > 0xffff ? 2 : 1;
      let single = false;
      let node = this.#trie.children.get(text.charCodeAt(at));
      for (let end = at + 1; node; end++) {
        if (node.id >= 0) {
          reach(end, at, scores[at]! + this.#scores[node.id]!, node.id);
          single ||= end - at === width;
        }
        node = end < size ? node.children.get(text.charCodeAt(end)) : undefined;
      }
      if (!single) reach(at + width, at, scores[at]! + this.#unkScore, -1);
      at += width;
    }
    const reversed: number[] = [];
    for (let end = size; end > 0; ) {
      const start = starts[end]!;
      if (ids[end]! >= 0 && ids[end] !== this.unkTokenId) {
        reversed.push(ids[end]!);
        end = start;
        continue;
      }
      let first = start;
      while (first > 0 && (ids[first]! < 0 || ids[first] === this.unkTokenId)) first = starts[first]!;
      reversed.push(...this.#unknown(text.slice(first, end)).reverse());
      end = first;
    }
    return reversed.reverse();
  }

  #unknown(text: string): number[] {
    const known = this.vocabulary.get(text);
    if (known !== undefined) return [known];
    const bytes = this.#byteFallback ? byteTokens(text, this.vocabulary) : undefined;
    if (bytes) return bytes;
    if (this.unkTokenId !== undefined) return [this.unkTokenId];
    throw new InputError({
      where: 'preprocess.tokenizer',
      problem: `the vocabulary has neither ${JSON.stringify(text)} nor an unknown token`,
    });
  }
}
