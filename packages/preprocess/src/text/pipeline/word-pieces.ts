import { InputError } from '@diptych/core';

/** Settings of {@link WordPieces}. */
export interface WordPiecesOptions {
  /** Default `[UNK]`. */
  readonly unkToken?: string;
  /** Default `##`. */
  readonly continuingSubwordPrefix?: string;
  /** Longer words are unknown. Default 100 characters. */
  readonly maxInputCharsPerWord?: number;
}

/** The longest pieces that match, from the left; the unknown token for the whole word if a rest does not match. */
export class WordPieces {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly size: number;
  readonly unkTokenId: number;
  readonly maxCharacters: number;
  readonly prefix: string;
  readonly unknown: readonly number[];
  readonly #continuations: ReadonlyMap<string, number>;
  readonly #longestToken: number;

  /** @throws InputError if the unknown token is missing */
  constructor(vocabulary: ReadonlyMap<string, number>, options: WordPiecesOptions = {}) {
    const { unkToken = '[UNK]', continuingSubwordPrefix: prefix = '##', maxInputCharsPerWord = 100 } = options;
    this.vocabulary = vocabulary;
    this.size = vocabulary.size;
    this.maxCharacters = maxInputCharsPerWord;
    this.prefix = prefix;
    const unk = vocabulary.get(unkToken);
    if (unk === undefined) {
      throw new InputError({
        where: 'preprocess.WordPiece',
        expected: `the token ${unkToken} in the vocabulary`,
        got: `${vocabulary.size} tokens without it`,
        remedy: 'check that the file is a WordPiece vocabulary, one token a line',
      });
    }
    this.unkTokenId = unk;
    this.unknown = Object.freeze([unk]);
    const continuations = new Map<string, number>();
    let longest = 0;
    for (const [token, id] of vocabulary) {
      if (prefix && token.startsWith(prefix)) continuations.set(token.slice(prefix.length), id);
      longest = Math.max(longest, token.length);
    }
    this.#continuations = prefix ? continuations : vocabulary;
    this.#longestToken = longest;
  }

  /** Ids of a word of any length; {@link maxCharacters} is the caller's to see to where it knows the length. */
  pieces(word: string): readonly number[] {
    const whole = this.vocabulary.get(word);
    if (whole !== undefined) return [whole];
    const pieces: number[] = [];
    let start = 0;
    while (start < word.length) {
      const vocabulary = start === 0 ? this.vocabulary : this.#continuations;
      let end = Math.min(word.length, start + this.#longestToken);
      let id: number | undefined;
      for (; end > start; end--) {
        id = vocabulary.get(word.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return this.unknown;
      pieces.push(id);
      start = end;
    }
    return pieces;
  }

  word(text: string, ids: number[]): void {
    const overlong = text.length > this.maxCharacters && Array.from(text).length > this.maxCharacters;
    for (const id of overlong ? this.unknown : this.pieces(text)) ids.push(id);
  }
}
