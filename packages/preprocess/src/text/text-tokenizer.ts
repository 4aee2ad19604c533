import {
  ConfigError,
  checkOptions,
  InputError,
  type OptionNames,
  type PartDescription,
  type TokenBatch,
  type TokenizeOptions,
  type Tokenizer,
} from '@diptych/core';
import type { BuiltTokenizer } from './built-tokenizer.js';
import { bareTemplate, type TemplateToken } from './template.js';

/** One text, or a pair of segments. */
export type TextRow = string | readonly [first: string, second: string];

/** Settings of one call. */
export interface EncodeOptions extends TokenizeOptions {
  /** Frame the texts with [CLS], [SEP] or their like. Default true. */
  readonly addSpecialTokens?: boolean;
}

/** Settings of a call without padding. */
export interface RowOptions extends Omit<EncodeOptions, 'padding' | 'padToMultipleOf'> {
  readonly padding: false;
  readonly padToMultipleOf?: undefined;
}

/** Token ids without padding: an array for each text, as long as it is. */
export interface TokenRows {
  readonly inputIds: readonly Int32Array[];
  /** All 1. */
  readonly attentionMask: readonly Int32Array[];
  /** Segment of each token, where the model has segments. */
  readonly tokenTypeIds?: readonly Int32Array[];
}

/** Settings of {@link TextTokenizer.decode}. */
export interface DecodeTextOptions {
  /** Leave out [CLS], [PAD] and their like. Default true. */
  readonly skipSpecialTokens?: boolean;
}

const ENCODE: OptionNames<EncodeOptions> = {
  padding: 'optional',
  maxLength: 'optional',
  truncation: 'optional',
  padToMultipleOf: 'optional',
  addSpecialTokens: 'optional',
};
const DECODE: OptionNames<DecodeTextOptions> = { skipSpecialTokens: 'optional' };

/** What a {@link TextTokenizer} is made of. */
export interface TextTokenizerParts extends BuiltTokenizer {
  /** @see TextTokenizer.describe */
  readonly describe: () => PartDescription;
  /** @see TextTokenizer.files */
  readonly files: () => { readonly [name: string]: string };
}

/** Ids of one row, framed and cut. */
interface Row {
  readonly ids: Int32Array;
  readonly typeIds: Int32Array;
}

/** A tokenizer of core with what else a person needs: rows of their own lengths, decoding, files to store. */
export class TextTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly padTokenId: number;
  readonly maxLength: number;
  readonly #parts: TextTokenizerParts;

  /** @internal Made by `tokenizer(…)`. */
  constructor(parts: TextTokenizerParts) {
    this.#parts = parts;
    this.vocabSize = parts.model.vocabSize;
    this.padTokenId = parts.padTokenId;
    this.maxLength = parts.maxLength;
  }

  /**
   * Ids of texts as rectangular arrays, or, with `padding: false`, as rows of their own lengths. Padding is `longest` and longer
   * texts are cut, unless told otherwise; of a pair, tokens go from the longer text first. A length rounded by
   * `padToMultipleOf` never goes beyond the tokenizer's `maxLength`.
   *
   * @throws InputError for a row that is no text, or, with `truncation: false`, is too long
   * @throws ConfigError for lengths that make no sense, and options that there are not
   */
  encode(texts: readonly TextRow[], options: RowOptions): TokenRows;
  encode(texts: readonly TextRow[], options?: EncodeOptions): TokenBatch<readonly [number, number]>;
  encode(
    texts: readonly TextRow[],
    options: EncodeOptions | RowOptions = {},
  ): TokenBatch<readonly [number, number]> | TokenRows {
    if (!Array.isArray(texts)) {
      throw new InputError({
        where: 'preprocess.tokenizer.encode',
        expected: 'a list of texts',
        got: texts === null ? 'null' : typeof texts,
        remedy: "encode(['a cat asleep'])",
      });
    }
    checkOptions<EncodeOptions | RowOptions>('preprocess.tokenizer.encode', options, ENCODE);
    const { padding = 'longest', padToMultipleOf } = options;
    const maxLength = this.#checkLengths(options);
    checkPadding(padding, padToMultipleOf);
    const rows = texts.map((text, i) => this.#row(text, i, maxLength, options));
    if (padding === false) return this.#unpadded(rows);
    const longest = rows.reduce((length, { ids }) => Math.max(length, ids.length), 0);
    return this.#padded(rows, this.#paddedLength(padding === 'max_length' ? maxLength : longest, padToMultipleOf));
  }

  /** Text of one row of ids. Spaces and letter case are those of the tokens, not of the original. */
  decode(ids: ArrayLike<number>, options: DecodeTextOptions = {}): string {
    checkOptions('preprocess.tokenizer.decode', options, DECODE);
    const { skipSpecialTokens = true } = options;
    return this.#parts.model.decode(Array.from(ids), skipSpecialTokens);
  }

  /** Id of a token; undefined if the vocabulary does not have it. */
  tokenToId(token: string): number | undefined {
    return this.#parts.model.tokenToId(token);
  }

  /** Token of an id; undefined beyond the vocabulary. */
  idToToken(id: number): string | undefined {
    return this.#parts.model.idToToken(id);
  }

  /**
   * How to build the same tokenizer in a worker or from a checkpoint, with `tokenizerFromOptions`. Options hold the path
   * that it was read from, or the whole vocabulary if it came from an object.
   */
  describe(): PartDescription {
    return this.#parts.describe();
  }

  /**
   * Files to store beside a checkpoint, by name; `tokenizer(folder)` builds the same tokenizer from a folder of them.
   *
   * @throws ConfigError for an adapted tokenizer, whose vocabulary cannot be seen
   */
  files(): { readonly [name: string]: string } {
    return this.#parts.files();
  }

  #padded(rows: readonly Row[], length: number): TokenBatch<readonly [number, number]> {
    const size = rows.length * length;
    const inputIds = new Int32Array(size).fill(this.padTokenId);
    const attentionMask = new Int32Array(size);
    const tokenTypeIds = this.#parts.tokenTypeIds ? new Int32Array(size) : undefined;
    for (const [i, { ids, typeIds }] of rows.entries()) {
      const start = i * length + (this.#parts.paddingSide === 'left' ? length - ids.length : 0);
      inputIds.set(ids, start);
      attentionMask.fill(1, start, start + ids.length);
      tokenTypeIds?.set(typeIds, start);
    }
    return { shape: [rows.length, length], inputIds, attentionMask, ...(tokenTypeIds && { tokenTypeIds }) };
  }

  #unpadded(rows: readonly Row[]): TokenRows {
    return {
      inputIds: rows.map(({ ids }) => ids),
      attentionMask: rows.map(({ ids }) => new Int32Array(ids.length).fill(1)),
      ...(this.#parts.tokenTypeIds && { tokenTypeIds: rows.map(({ typeIds }) => typeIds) }),
    };
  }

  #checkLengths({
    maxLength = this.maxLength,
    padToMultipleOf = 1,
    addSpecialTokens = true,
  }: EncodeOptions | RowOptions): number {
    const { single, pair } = this.#parts.template;
    const fewest = addSpecialTokens
      ? Math.max(
          single.before.length + single.after.length,
          pair.before.length + pair.between.length + pair.after.length,
        )
      : 1;
    if (
      !Number.isInteger(maxLength) ||
      maxLength < fewest ||
      !Number.isInteger(padToMultipleOf) ||
      padToMultipleOf < 1
    ) {
      throw new ConfigError({
        where: 'preprocess.tokenizer',
        expected: `whole numbers: maxLength from ${fewest}, padToMultipleOf from 1`,
        got: `maxLength ${maxLength}, padToMultipleOf ${padToMultipleOf}`,
      });
    }
    return maxLength;
  }

  #paddedLength(length: number, multiple = 1): number {
    const rounded = Math.ceil(length / multiple) * multiple;
    return rounded <= this.maxLength ? rounded : Math.max(length, this.maxLength);
  }

  #row(
    text: TextRow,
    index: number,
    maxLength: number,
    { truncation = true, addSpecialTokens = true }: EncodeOptions | RowOptions,
  ): Row {
    const template = addSpecialTokens ? this.#parts.template : bareTemplate;
    if (typeof text === 'string') {
      const { before, after, typeId } = template.single;
      const room = maxLength - before.length - after.length;
      const ids = this.#ids(text, room, truncation, index, maxLength);
      return frame([before, [this.#cut(ids, room), typeId], after]);
    }
    if (!Array.isArray(text) || text.length !== 2 || text.some((part) => typeof part !== 'string')) {
      throw new InputError({
        where: `preprocess.tokenizer, text ${index}`,
        expected: 'a string or a pair of strings',
        got: text === null ? 'null' : Array.isArray(text) ? `an array of ${text.length}` : typeof text,
      });
    }
    const { before, between, after, typeId, secondTypeId } = template.pair;
    const room = maxLength - before.length - between.length - after.length;
    const [first, second] = this.#pairIds(text, room, truncation, index, maxLength);
    if (!truncation && first.length + second.length > room) throw tooLong(index, maxLength);
    const [firstSize, secondSize] = longestFirst(first.length, second.length, room);
    return frame([
      before,
      [this.#cut(first, firstSize), typeId],
      between,
      [this.#cut(second, secondSize), secondTypeId],
      after,
    ]);
  }

  /** Ids of both texts, as many as decide the cut: of an odd number of places, the longer text gets one more. */
  #pairIds(
    text: readonly [string, string],
    room: number,
    truncation: boolean,
    index: number,
    maxLength: number,
  ): readonly [readonly number[], readonly number[]] {
    let wanted = room;
    for (;;) {
      const first = this.#ids(text[0], wanted, truncation, index, maxLength);
      const second = this.#ids(text[1], wanted, truncation, index, maxLength);
      const bothGoOn = first.length > wanted && second.length > wanted;
      if (!bothGoOn || room % 2 === 0) return [first, second];
      wanted = Math.max(64, wanted * 4);
    }
  }

  /** As many ids as fit, from the side that is kept. */
  #cut(ids: readonly number[], size: number): readonly number[] {
    if (ids.length <= size) return ids;
    return this.#parts.truncationSide === 'left' ? ids.slice(ids.length - size) : ids.slice(0, size);
  }

  #ids(text: string, room: number, truncation: boolean, index: number, maxLength: number): readonly number[] {
    // what is cut off on the left is known only at the text's end
    const wanted = this.#parts.truncationSide === 'left' ? Number.POSITIVE_INFINITY : room + 1;
    const ids = this.#parts.model.ids(text, wanted);
    if (!truncation && ids.length > room) throw tooLong(index, maxLength);
    return ids;
  }
}

function checkPadding(padding: unknown, padToMultipleOf: number | undefined): void {
  const isKnown = padding === 'longest' || padding === 'max_length' || padding === false;
  if (isKnown && !(padding === false && padToMultipleOf !== undefined)) return;
  throw new ConfigError({
    where: 'preprocess.tokenizer',
    expected: "padding 'longest' or 'max_length', or false without padToMultipleOf",
    got: `padding ${JSON.stringify(padding)}, padToMultipleOf ${padToMultipleOf}`,
  });
}

function tooLong(index: number, maxLength: number): InputError {
  return new InputError({
    where: `preprocess.tokenizer, text ${index}`,
    expected: `at most ${maxLength} tokens`,
    got: 'more',
    remedy: 'raise maxLength or leave truncation on',
  });
}

type Part = readonly TemplateToken[] | readonly [ids: readonly number[], typeId: number];

function isText(part: Part): part is readonly [readonly number[], number] {
  return Array.isArray(part[0]);
}

function frame(parts: readonly Part[]): Row {
  const length = parts.reduce((sum, part) => sum + (isText(part) ? part[0].length : part.length), 0);
  const ids = new Int32Array(length);
  const typeIds = new Int32Array(length);
  let at = 0;
  for (const part of parts) {
    if (isText(part)) {
      const [values, typeId] = part;
      ids.set(values, at);
      if (typeId !== 0) typeIds.fill(typeId, at, at + values.length);
      at += values.length;
    } else {
      for (const token of part) {
        ids[at] = token.id;
        typeIds[at++] = token.typeId;
      }
    }
  }
  return { ids, typeIds };
}

/** How many tokens of a pair stay: the library `tokenizers`' rule for `longest_first`. */
function longestFirst(first: number, second: number, room: number): readonly [number, number] {
  if (first + second <= room) return [first, second];
  const short = Math.min(first, second);
  let shortSize = short;
  let longSize = short > room ? short : Math.max(short, room - short);
  if (shortSize + longSize > room) {
    shortSize = Math.floor(room / 2);
    longSize = shortSize + (room % 2);
  }
  return first > second ? [longSize, shortSize] : [shortSize, longSize];
}
