import { InputError, type Json, type JsonObject } from '@diptych/core';
import type { TokenModel } from '../token-model.js';
import { AddedTokenSplitter, type AddedTokens } from './added-tokens.js';
import { decoderFromJson } from './decoder.js';
import { beginningDropper } from './dropped-beginning.js';
import { normalizerFromJson } from './normalizers.js';
import { endsWordsAtSpaces, preTokenizerFromJson } from './pre-tokenizers.js';
import { toWellFormed } from './unicode.js';
import type { WordModel } from './word-model.js';

/** Characters that are read at first, and at least so many for each wanted token. */
const FIRST_PREFIX = 4096;
const CHARACTERS_PER_TOKEN = 16;
/** Time and memory for one word grow with its length. */
const LONGEST_RUN = 65536;
/** Most ids that a character can have: its bytes. */
const IDS_PER_CHARACTER = 4;
/** A place where a word ends and another begins. */
const BOUNDARY = /[A-Za-z0-9] [A-Za-z0-9]/;

/** What Python's `strip()` takes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python counts four of them as white space
const SPACE_AROUND = /^[\p{White_Space}\u001c-\u001f]+|[\p{White_Space}\u001c-\u001f]+$/gu;

/** What a {@link Pipeline} is made of: the steps of a `tokenizer.json`. */
export interface PipelineParts {
  readonly model: WordModel;
  readonly added: AddedTokens;
  readonly json: JsonObject;
  /** Special tokens are read as any other text. */
  readonly splitSpecialTokens: boolean;
}

/**
 * The steps of a `tokenizer.json` one after the other: added tokens are cut out, the rest is normalized, cut into words, and
 * each word looked up. Steps and ids are those of the library `tokenizers` (0.23).
 *
 * `@huggingface/tokenizers` 0.2.0 has most of these steps, but on the fixtures of `gen_tokenizer_folders.py` it gives other ids
 * in 54 of the 71 folders with a `tokenizer.json` and refuses 2 (661 of 2,484 texts: flags of added tokens, the table of
 * `Precompiled`, `split` of Metaspace, behaviours of Split and Punctuation, ASCII `\\w` and `\\d`, unknown characters), at half
 * to a quarter of the speed. It serves for expressions of Oniguruma alone.
 */
export class Pipeline implements TokenModel {
  readonly vocabSize: number;
  readonly #parts: PipelineParts;
  readonly #tokens = new Map<number, string>();
  readonly #splitter: AddedTokenSplitter;
  readonly #preTokenize: ReturnType<typeof preTokenizerFromJson>;
  readonly #readsInParts: boolean;
  #decode: ((tokens: string[]) => string) | undefined;

  /** @throws ConfigError for a step that is not known */
  constructor(parts: PipelineParts) {
    const { model, added, json, splitSpecialTokens } = parts;
    this.#parts = parts;
    const normalize = normalizerFromJson(json.normalizer);
    this.#preTokenize = preTokenizerFromJson(json.pre_tokenizer);
    // nothing else asks where a text begins
    const asks = JSON.stringify(json.pre_tokenizer ?? null).includes('"prepend_scheme":"first"');
    const dropsBeginning = asks ? beginningDropper(json.normalizer) : undefined;
    this.#splitter = new AddedTokenSplitter(added, normalize, splitSpecialTokens, dropsBeginning);
    this.#readsInParts = endsWordsAtSpaces(json.pre_tokenizer);
    for (const [token, id] of model.vocabulary) this.#tokens.set(id, token);
    // the library, too, shows a token in the form in which it is looked for
    for (const [id, { content, normalized }] of added.entries()) {
      this.#tokens.set(id, normalized ? normalize(content) : content);
    }
    let largest = -1;
    for (const id of this.#tokens.keys()) if (id > largest) largest = id;
    this.vocabSize = largest + 1;
  }

  ids(text: string, limit: number): readonly number[] {
    const wellFormed = toWellFormed(text);
    // an added token with white space in it may begin before the end of what was read
    const unsure = IDS_PER_CHARACTER * this.#splitter.longestWithSpace;
    let size = Math.max(FIRST_PREFIX, (limit + unsure) * CHARACTERS_PER_TOKEN);
    for (;;) {
      const end = this.#readsInParts ? boundaryAfter(wellFormed, size) : wellFormed.length;
      if (end - size > LONGEST_RUN) throw unbroken(wellFormed.length);
      const ids = this.#all(wellFormed.slice(0, end));
      // What was read ends with a whole word, so its tokens are the first tokens of the whole text.
      if (end === wellFormed.length || ids.length - unsure > limit) return ids;
      size = end * 2;
    }
  }

  decode(ids: readonly number[], skipSpecialTokens: boolean): string {
    const { added, json } = this.#parts;
    const tokens = ids.flatMap((id) => this.#tokens.get(id) ?? []);
    const kept = skipSpecialTokens ? tokens.filter((token) => !added.isSpecial(token)) : tokens;
    if (kept.length === 0) return '';
    this.#decode ??= decoderFromJson(json.decoder as Json);
    const decoded = this.#decode(kept);
    const suffix = (json.model as JsonObject).end_of_word_suffix;
    // what transformers' CLIPTokenizer does around the library's decoding; without its class `</w>` would stay
    return typeof suffix === 'string' && suffix ? decoded.replaceAll(suffix, ' ').replace(SPACE_AROUND, '') : decoded;
  }

  tokenToId(token: string): number | undefined {
    return this.#parts.added.idOf(token);
  }

  idToToken(id: number): string | undefined {
    return this.#tokens.get(id);
  }

  #all(text: string): number[] {
    const ids: number[] = [];
    for (const segment of this.#splitter.split(text)) {
      if ('id' in segment) ids.push(segment.id);
      else for (const piece of this.#preTokenize([segment])) this.#parts.model.word(piece.text, ids);
    }
    return ids;
  }
}

/** First boundary from `size` on, else the text's end. */
function boundaryAfter(text: string, size: number): number {
  if (size >= text.length) return text.length;
  const found = text.slice(size, size + LONGEST_RUN + 2).search(BOUNDARY);
  return found >= 0 ? size + found + 1 : text.length;
}

function unbroken(length: number): InputError {
  return new InputError({
    where: 'preprocess.tokenizer',
    problem: `a text of ${length} characters has a run of more than ${LONGEST_RUN} without a space between words`,
    remedy: 'cut the text before it is tokenized',
  });
}
