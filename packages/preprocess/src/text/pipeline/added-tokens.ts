import type { Normalizer } from './normalizers.js';
import { WHITE_SPACE, WORD } from './unicode.js';
import type { WordModel } from './word-model.js';

/** A token that is found in texts before they are cut into words. */
export interface AddedToken {
  readonly content: string;
  /** Only where no letter, digit or underscore touches it. */
  readonly singleWord: boolean;
  /** Takes the white space before it along. */
  readonly lstrip: boolean;
  /** Takes the white space behind it along. */
  readonly rstrip: boolean;
  /** Is looked for in the normalized text, itself normalized. */
  readonly normalized: boolean;
  /** Left out when ids are decoded. */
  readonly special: boolean;
}

/** An added token of a text, or a stretch between two of them. */
export type Segment = { readonly id: number } | { readonly text: string; readonly first: boolean };

const ENDS_WITH_WORD = new RegExp(`[${WORD}]$`, 'u');
const STARTS_WITH_WORD = new RegExp(`^[${WORD}]`, 'u');
const SPACE_AT_START = new RegExp(`^${WHITE_SPACE}+`, 'u');

/**
 * Added tokens and their ids (`AddedVocabulary` of the library `tokenizers`): a token of the vocabulary keeps its id, another
 * one gets the next free id in the order of adding, whatever number a file gives it.
 */
export class AddedTokens {
  readonly #byId = new Map<number, AddedToken>();
  readonly #ids = new Map<string, number>();
  readonly #special = new Set<string>();

  constructor(private readonly model: Pick<WordModel, 'vocabulary' | 'size'>) {}

  add(token: AddedToken): void {
    if (token.content === '') return;
    if (token.special) this.#special.add(token.content);
    const id = this.idOf(token.content) ?? this.#nextId();
    this.#ids.set(token.content, id);
    this.#byId.set(id, token);
  }

  idOf(content: string): number | undefined {
    return this.#ids.get(content) ?? this.model.vocabulary.get(content);
  }

  isSpecial(content: string): boolean {
    return this.#special.has(content);
  }

  /** Tokens by id. */
  entries(): IterableIterator<[number, AddedToken]> {
    return this.#byId.entries();
  }

  #nextId(): number {
    let largest = -1;
    for (const id of this.#ids.values()) largest = Math.max(largest, id);
    return Math.max(largest + 1, this.model.size);
  }
}

/** Finds added tokens in texts. */
export class AddedTokenSplitter {
  readonly #raw = new TokenTrie();
  readonly #normalized = new TokenTrie();
  readonly #normalize: Normalizer;
  readonly #dropsBeginning: ((text: string) => boolean) | undefined;
  /** Longest token that holds white space; 0 where none does. */
  readonly longestWithSpace: number = 0;

  /**
   * @param ignoresSpecial special tokens are read as any other text (`split_special_tokens`)
   * @param dropsBeginning whether what is normalized no longer begins with the text's beginning
   */
  constructor(
    added: AddedTokens,
    normalize: Normalizer,
    ignoresSpecial: boolean,
    dropsBeginning?: (text: string) => boolean,
  ) {
    this.#normalize = normalize;
    this.#dropsBeginning = dropsBeginning;
    const entries = [...added.entries()].map(([id, token]) => ({ id, token, special: added.isSpecial(token.content) }));
    // of tokens that are alike when normalized, special ones go first
    for (const { id, token } of [...entries.filter((one) => one.special), ...entries.filter((one) => !one.special)]) {
      const content = token.normalized ? normalize(token.content) : token.content;
      (token.normalized ? this.#normalized : this.#raw).add(content, {
        id,
        token,
        ignored: ignoresSpecial && added.isSpecial(token.content),
      });
      if (/\p{White_Space}/u.test(content)) this.longestWithSpace = Math.max(this.longestWithSpace, content.length);
    }
  }

  /** Stretches come normalized. */
  split(text: string): Segment[] {
    return this.#raw.split(text, true).flatMap((segment) => {
      if ('id' in segment) return [segment];
      const first = segment.first && !this.#dropsBeginning?.(segment.text);
      return this.#normalized.split(this.#normalize(segment.text), first);
    });
  }
}

interface Found {
  readonly id: number;
  readonly token: AddedToken;
  readonly ignored: boolean;
}

interface Node {
  readonly children: Map<number, Node>;
  found?: Found;
}

/** Finds the leftmost tokens, of those that begin at a place the longest. */
class TokenTrie {
  readonly #root: Node = { children: new Map() };

  add(content: string, found: Found): void {
    if (content === '') return;
    let node = this.#root;
    for (let i = 0; i < content.length; i++) {
      const code = content.charCodeAt(i);
      let child = node.children.get(code);
      if (!child) {
        child = { children: new Map() };
        node.children.set(code, child);
      }
      node = child;
    }
    node.found ??= found;
  }

  split(text: string, first: boolean): Segment[] {
    const segments: Segment[] = [];
    let done = 0;
    const stretch = (end: number) => {
      if (end > done) segments.push({ text: text.slice(done, end), first: first && done === 0 });
    };
    for (let at = 0; at < text.length; ) {
      const match = this.#root.children.size > 0 ? this.#longestAt(text, at) : undefined;
      if (!match) {
        at = this.#root.children.size > 0 ? at + 1 : text.length;
        continue;
      }
      const { id, token, ignored } = match.found;
      const [from, to] = [at, match.end];
      at = to;
      if (ignored || (token.singleWord && touchesWord(text, from, to))) continue;
      const start = token.lstrip ? Math.max(done, from - spaceBefore(text, from)) : from;
      const end = token.rstrip ? to + (SPACE_AT_START.exec(text.slice(to))?.[0].length ?? 0) : to;
      stretch(start);
      segments.push({ id });
      done = Math.max(end, done);
    }
    stretch(text.length);
    return segments;
  }

  #longestAt(text: string, at: number): { found: Found; end: number } | undefined {
    let node: Node | undefined = this.#root;
    let longest: { found: Found; end: number } | undefined;
    for (let i = at; i < text.length; i++) {
      node = node.children.get(text.charCodeAt(i));
      if (!node) break;
      if (node.found) longest = { found: node.found, end: i + 1 };
    }
    return longest;
  }
}

function touchesWord(text: string, from: number, to: number): boolean {
  return ENDS_WITH_WORD.test(text.slice(Math.max(0, from - 2), from)) || STARTS_WITH_WORD.test(text.slice(to, to + 2));
}

function spaceBefore(text: string, end: number): number {
  let start = end;
  while (start > 0 && /\p{White_Space}/u.test(text[start - 1]!)) start--;
  return end - start;
}
