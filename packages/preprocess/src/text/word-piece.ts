import { InputError } from '@diptych/core';
import { type BertNormalizerOptions, normalizeBert } from './bert-normalizer.js';
import { characterClasses, PUNCTUATION } from './character-classes.js';
import { decodeWordPieces } from './decode-word-pieces.js';
import type { TokenModel } from './token-model.js';

/** Settings of {@link WordPiece}. */
export interface WordPieceOptions extends BertNormalizerOptions {
  /** Default `[UNK]`. */
  readonly unkToken?: string;
  /** Default `##`. */
  readonly continuingSubwordPrefix?: string;
  /** Longer words are unknown. Default 100 characters. */
  readonly maxInputCharsPerWord?: number;
  /** Tokens that are taken literally wherever they stand in a text. */
  readonly specialTokens: readonly string[];
}

/** Texts are cut at white space into chunks; the ids of short chunks are remembered. */
const CACHED_CHUNK_LENGTH = 48;
const CACHE_SIZE = 65536;
/**
 * Long chunks are normalized in pieces of about this many characters: sorting a run of combining marks takes quadratic time,
 * so that runs of more than `LONGEST_MARKS` are cut.
 */
const PIECE_LENGTH = 256;
const LONGEST_MARKS = 64;
const NO_IDS: readonly number[] = Object.freeze([]);

/**
 * BERT's tokenizer: cleaning, splitting at white space, punctuation and ideographs, then the longest matching pieces of each
 * word (Wu et al., Google's Neural Machine Translation System, 2016). Ids equal those of transformers' `BertTokenizerFast`.
 *
 * Time is linear in the part of the text that is read; a text of 10 MB is read only until `limit` ids are found.
 */
export class WordPiece implements TokenModel {
  readonly vocabSize: number;
  readonly #options: WordPieceOptions;
  readonly #tokens: readonly string[];
  readonly #words: ReadonlyMap<string, number>;
  readonly #continuations: ReadonlyMap<string, number>;
  readonly #longestToken: number;
  readonly #maxCharacters: number;
  readonly #unk: number;
  readonly #unknown: readonly number[];
  readonly #specialPattern: RegExp | undefined;
  readonly #specialIds: ReadonlySet<number>;
  readonly #classes = characterClasses();
  readonly #cache = new Map<string, readonly number[]>();

  /**
   * @param tokens the vocabulary; a token's place is its id
   * @throws InputError if the unknown token or a special token is missing
   */
  constructor(tokens: readonly string[], options: WordPieceOptions) {
    const { unkToken = '[UNK]', continuingSubwordPrefix: prefix = '##', maxInputCharsPerWord = 100 } = options;
    this.#options = options;
    this.#tokens = tokens;
    this.vocabSize = tokens.length;
    const words = new Map<string, number>();
    const continuations = new Map<string, number>();
    let longest = 0;
    for (const [id, token] of tokens.entries()) {
      // Where a token stands twice, the last place counts, as in Python's dict.
      words.set(token, id);
      if (prefix && token.startsWith(prefix)) continuations.set(token.slice(prefix.length), id);
      longest = Math.max(longest, token.length);
    }
    this.#words = words;
    this.#continuations = prefix ? continuations : words;
    this.#longestToken = longest;
    this.#maxCharacters = maxInputCharsPerWord;
    for (const token of [unkToken, ...options.specialTokens]) {
      if (words.has(token)) continue;
      throw new InputError({
        where: 'preprocess.WordPiece',
        expected: `the token ${token} in the vocabulary`,
        got: `${tokens.length} tokens without it`,
        remedy: 'check that the file is a WordPiece vocabulary, one token a line',
      });
    }
    this.#unk = words.get(unkToken)!;
    this.#unknown = Object.freeze([this.#unk]);
    this.#specialIds = new Set(options.specialTokens.map((token) => words.get(token)!));
    const alternatives = [...options.specialTokens].sort((a, b) => b.length - a.length).map(escapeRegExp);
    this.#specialPattern = alternatives.length > 0 ? new RegExp(alternatives.join('|'), 'g') : undefined;
  }

  ids(text: string, limit: number): readonly number[] {
    const ids: number[] = [];
    const end = text.length;
    let at = 0;
    while (at < end && ids.length < limit) {
      while (at < end && isSpace(text.charCodeAt(at))) at++;
      const start = at;
      while (at < end && !isSpace(text.charCodeAt(at))) at++;
      if (at === start) break;
      if (at - start <= CACHED_CHUNK_LENGTH) {
        const found = this.#cachedChunk(text.slice(start, at));
        for (let i = 0; i < found.length; i++) ids.push(found[i]!);
      } else {
        this.#chunk(text.slice(start, at), ids, limit);
      }
    }
    return ids;
  }

  decode(ids: readonly number[], skipSpecialTokens: boolean): string {
    const kept = skipSpecialTokens ? ids.filter((id) => !this.#specialIds.has(id)) : ids;
    return decodeWordPieces(
      kept.flatMap((id) => this.#tokens[id] ?? []),
      this.#options.continuingSubwordPrefix ?? '##',
    );
  }

  tokenToId(token: string): number | undefined {
    return this.#words.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.#tokens[id];
  }

  #cachedChunk(chunk: string): readonly number[] {
    const known = this.#cache.get(chunk);
    if (known) return known;
    const ids: number[] = [];
    this.#chunk(chunk, ids, Number.POSITIVE_INFINITY);
    if (this.#cache.size >= CACHE_SIZE) this.#cache.clear();
    // A slice keeps the text that it was cut from in memory; a key from parts of its own does not.
    this.#cache.set(Buffer.from(chunk, 'utf16le').toString('utf16le'), ids.length === 0 ? NO_IDS : ids);
    return ids;
  }

  /** A chunk without white space: special tokens are taken literally, the rest is normalized and split. */
  #chunk(chunk: string, ids: number[], limit: number): void {
    let from = 0;
    if (this.#specialPattern) {
      for (const match of chunk.matchAll(this.#specialPattern)) {
        if (ids.length >= limit) return;
        this.#plain(chunk.slice(from, match.index), ids, limit);
        ids.push(this.#words.get(match[0])!);
        from = match.index + match[0].length;
      }
    }
    this.#plain(from === 0 ? chunk : chunk.slice(from), ids, limit);
  }

  #plain(text: string, ids: number[], limit: number): void {
    // The word that is being collected, and how many characters of it were seen. An overlong word is not kept.
    let word = '';
    let characters = 0;
    const flush = () => {
      if (characters > 0) this.#word(characters > this.#maxCharacters ? undefined : word, ids);
      word = '';
      characters = 0;
    };
    for (let start = 0; start < text.length && ids.length < limit; ) {
      const end = pieceEnd(text, start);
      for (const char of normalizeBert(text.slice(start, end), this.#options, this.#classes)) {
        if (char === ' ') {
          flush();
        } else if (this.#classes[char.codePointAt(0)!]! & PUNCTUATION) {
          flush();
          this.#word(char, ids);
        } else {
          if (++characters <= this.#maxCharacters) word += char;
        }
      }
      start = end;
    }
    flush();
  }

  /** The longest pieces that match, from the left; [UNK] for the whole word if a rest does not match. */
  #word(word: string | undefined, ids: number[]): void {
    const found = word === undefined ? this.#unknown : this.#pieces(word);
    for (let i = 0; i < found.length; i++) ids.push(found[i]!);
  }

  #pieces(word: string): readonly number[] {
    const whole = this.#words.get(word);
    if (whole !== undefined) return [whole];
    const pieces: number[] = [];
    let start = 0;
    while (start < word.length) {
      const vocabulary = start === 0 ? this.#words : this.#continuations;
      let end = Math.min(word.length, start + this.#longestToken);
      let id: number | undefined;
      for (; end > start; end--) {
        id = vocabulary.get(word.slice(start, end));
        if (id !== undefined) break;
      }
      if (id === undefined) return this.#unknown;
      pieces.push(id);
      start = end;
    }
    return pieces;
  }
}

/** White space that `clean_text` keeps as a space. Other white space is removed as a control character. */
function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || code === 0x0a || code === 0x09 || code === 0x0d;
  if (code < 0xa0) return false;
  return (
    code === 0xa0 ||
    code === 0x3000 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x1680
  );
}

/** Marks, and second halves of surrogate pairs. */
const CONTINUES = /[\p{M}\udc00-\udfff]/u;

/** End of a piece that can be normalized by itself: no surrogate pair and no mark after its letter is cut off. */
function pieceEnd(text: string, start: number): number {
  let end = start + PIECE_LENGTH;
  if (end >= text.length) return text.length;
  const last = Math.min(text.length, end + LONGEST_MARKS);
  while (end < last && CONTINUES.test(String.fromCodePoint(text.codePointAt(end)!))) end++;
  const splitsPair = end < text.length && /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(end - 1, end + 1));
  return splitsPair ? end + 1 : end;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
