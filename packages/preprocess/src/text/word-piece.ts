import { ownText } from '../bytes.js';
import { type BertNormalizerOptions, normalizeBert } from './bert-normalizer.js';
import { characterClasses, PUNCTUATION } from './character-classes.js';
import type { AddedTokens } from './pipeline/added-tokens.js';
import { decodeWordPieces } from './pipeline/decode-word-pieces.js';
import { escapeRegExp } from './pipeline/unicode.js';
import type { WordPieces } from './pipeline/word-pieces.js';
import type { TokenModel } from './token-model.js';

/** Settings of {@link WordPiece}. */
export interface WordPieceOptions extends BertNormalizerOptions {
  readonly added: AddedTokens;
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
 * word (Wu et al., Google's Neural Machine Translation System, 2016). Ids equal those of transformers' `BertTokenizer`.
 *
 * Time is linear in the part of the text that is read; a text of 10 MB is read only until `limit` ids are found.
 *
 * Why not `@huggingface/tokenizers` (0.2.0): of the 121 texts of golden/tokenizer its ids differ in 7 (ideographs beyond
 * U+FFFF, a final sigma, white space and marks of newer versions of Unicode), of the 14 folders of `gen_tokenizer_folders.py`
 * with a WordPiece `tokenizer.json` in 7; 10,000 captions of 8 to 20 words take it 2.2 times as long (483 ms against 224 ms).
 */
export class WordPiece implements TokenModel {
  readonly vocabSize: number;
  readonly #options: WordPieceOptions;
  readonly #words: WordPieces;
  readonly #added: AddedTokens;
  readonly #tokens = new Map<number, string>();
  readonly #addedPattern: RegExp | undefined;
  readonly #classes = characterClasses();
  readonly #cache = new Map<string, readonly number[]>();

  /** @param words the vocabulary that the added tokens were counted from */
  constructor(words: WordPieces, options: WordPieceOptions) {
    this.#options = options;
    this.#words = words;
    this.#added = options.added;
    const added = [...options.added.entries()];
    for (const [token, id] of words.vocabulary) this.#tokens.set(id, token);
    for (const [id, { content }] of added) this.#tokens.set(id, content);
    let largest = -1;
    for (const id of this.#tokens.keys()) if (id > largest) largest = id;
    this.vocabSize = largest + 1;
    const alternatives = added.map(([, { content }]) => content).sort((a, b) => b.length - a.length);
    this.#addedPattern =
      alternatives.length > 0 ? new RegExp(alternatives.map(escapeRegExp).join('|'), 'gu') : undefined;
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
    const tokens = ids.flatMap((id) => this.#tokens.get(id) ?? []);
    const kept = skipSpecialTokens ? tokens.filter((token) => !this.#added.isSpecial(token)) : tokens;
    return decodeWordPieces(kept, this.#words.prefix);
  }

  tokenToId(token: string): number | undefined {
    return this.#added.idOf(token);
  }

  idToToken(id: number): string | undefined {
    return this.#tokens.get(id);
  }

  #cachedChunk(chunk: string): readonly number[] {
    const known = this.#cache.get(chunk);
    if (known) return known;
    const ids: number[] = [];
    this.#chunk(chunk, ids, Number.POSITIVE_INFINITY);
    if (this.#cache.size >= CACHE_SIZE) this.#cache.clear();
    this.#cache.set(ownText(chunk), ids.length === 0 ? NO_IDS : ids);
    return ids;
  }

  /** A chunk without white space: added tokens are taken literally, the rest is normalized and split. */
  #chunk(chunk: string, ids: number[], limit: number): void {
    let from = 0;
    if (this.#addedPattern) {
      for (const match of chunk.matchAll(this.#addedPattern)) {
        if (ids.length >= limit) return;
        this.#plain(chunk.slice(from, match.index), ids, limit);
        ids.push(this.#added.idOf(match[0])!);
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
      if (characters > 0) this.#word(characters > this.#words.maxCharacters ? undefined : word, ids);
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
          if (++characters <= this.#words.maxCharacters) word += char;
        }
      }
      start = end;
    }
    flush();
  }

  #word(word: string | undefined, ids: number[]): void {
    const found = word === undefined ? this.#words.unknown : this.#words.pieces(word);
    for (let i = 0; i < found.length; i++) ids.push(found[i]!);
  }
}

/** Whether every added token can be taken literally within a chunk: nothing about it needs the text around it. */
export function areLiteral(added: AddedTokens): boolean {
  for (const [, { content, singleWord, lstrip, rstrip, normalized }] of added.entries()) {
    if (singleWord || lstrip || rstrip || normalized) return false;
    for (let i = 0; i < content.length; i++) if (isSpace(content.charCodeAt(i))) return false;
  }
  return true;
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
