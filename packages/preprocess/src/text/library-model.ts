import { InputError, type JsonObject } from '@diptych/core';
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import type { TokenModel } from './token-model.js';

/** Characters that are read at first, and at least so many for each wanted token. */
const FIRST_PREFIX = 4096;
const CHARACTERS_PER_TOKEN = 16;
/** The library's time and memory grow faster than the length of an unbroken run of characters. */
const LONGEST_RUN = 65536;
/** A place where every pre-tokenizer in use begins a new word. */
const BOUNDARY = /[A-Za-z0-9] [A-Za-z0-9]/;

/** BPE, unigram and other models of a `tokenizer.json`, run by `@huggingface/tokenizers`. */
export class LibraryModel implements TokenModel {
  readonly vocabSize: number;
  readonly #library: LibraryTokenizer;

  /** @throws InputError if the library refuses the file */
  constructor(json: JsonObject, config: JsonObject) {
    try {
      this.#library = new LibraryTokenizer(
        { added_tokens: [], ...json },
        { clean_up_tokenization_spaces: false, ...config },
      );
      this.vocabSize = this.#library.get_vocab().size;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      throw new InputError({ where: 'tokenizer.json', expected: 'a tokenizer of the hub', problem }, { cause: error });
    }
  }

  ids(text: string, limit: number): readonly number[] {
    const wellFormed = toWellFormed(text);
    let size = Math.max(FIRST_PREFIX, limit * CHARACTERS_PER_TOKEN);
    for (;;) {
      const end = boundaryAfter(wellFormed, size);
      if (end - size > LONGEST_RUN) throw unbroken(wellFormed.length);
      const { ids } = this.#library.encode(wellFormed.slice(0, end), { add_special_tokens: false });
      // What was read ends with a whole word, so its tokens are the first tokens of the whole text.
      if (end === wellFormed.length || ids.length > limit) return ids;
      size = end * 2;
    }
  }

  decode(ids: readonly number[], skipSpecialTokens: boolean): string {
    return ids.length === 0 ? '' : this.#library.decode([...ids], { skip_special_tokens: skipSpecialTokens });
  }

  tokenToId(token: string): number | undefined {
    return this.#library.token_to_id(token);
  }

  idToToken(id: number): string | undefined {
    return this.#library.id_to_token(id);
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

/** Lone surrogates become U+FFFD, as in UTF-8. Node 20 has the method, TypeScript's ES2023 does not know it. */
function toWellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}
