import { ConfigError, checkOptions, InputError, type OptionNames } from '@diptych/core';
import { NO_LIMIT } from './settings.js';
import { bareTemplate, type TemplateParts, type TokenTemplate } from './template.js';
import { TextTokenizer } from './text-tokenizer.js';
import type { TokenModel } from './token-model.js';

/**
 * What is asked of a tokenizer of `@huggingface/transformers` or `@xenova/transformers`: it can be called, and decodes.
 */
export interface TransformersTokenizer {
  (text: string, options: TransformersCallOptions): TransformersEncoding;
  decode(ids: number[], options?: { skip_special_tokens?: boolean }): string;
  /** Absent in neither library; a limit of 1e30 stands for none. */
  readonly model_max_length?: number;
  readonly pad_token_id?: number | undefined;
  readonly padding_side?: string;
}

/** Options of a call, as both libraries name them. */
export interface TransformersCallOptions {
  readonly text_pair?: string | null;
  readonly add_special_tokens?: boolean;
  readonly padding?: boolean;
  readonly truncation?: boolean;
  readonly return_tensor?: boolean;
}

/** What a call gives with `return_tensor: false`: plain arrays. */
export interface TransformersEncoding {
  readonly input_ids: ArrayLike<number | bigint>;
  readonly token_type_ids?: ArrayLike<number | bigint>;
}

/** Settings of {@link fromTransformers}. */
export interface FromTransformersOptions {
  /** Longest row. Default: the tokenizer's `model_max_length`, else 512. */
  readonly maxLength?: number;
}

const OPTIONS: OptionNames<FromTransformersOptions> = { maxLength: 'optional' };

/** Longest text that is handed on; the adapted library reads texts whole. */
const LONGEST_TEXT = 2 ** 18;
const PLAIN = { add_special_tokens: false, padding: false, truncation: false, return_tensor: false } as const;

/**
 * Adapts a tokenizer of `@huggingface/transformers` or `@xenova/transformers`, or any object of their shape. Truncation
 * and padding are ours (the libraries cut off the closing special token), the special tokens around a text are learnt by
 * asking for one.
 *
 * Its vocabulary cannot be seen, so `describe()` and `files()` throw: checkpoints want a `tokenizer(folder)`.
 *
 * @throws ConfigError for an object of another shape, or options that there are not
 */
export function fromTransformers(
  tokenizer: TransformersTokenizer,
  options: FromTransformersOptions = {},
): TextTokenizer {
  checkOptions('preprocess.fromTransformers', options, OPTIONS);
  if (typeof tokenizer !== 'function' || typeof tokenizer.decode !== 'function') {
    throw new ConfigError({
      where: 'preprocess.fromTransformers',
      expected: 'a tokenizer that can be called and has decode(), as AutoTokenizer.from_pretrained gives it',
      got: typeof tokenizer === 'object' ? 'an object that cannot be called' : typeof tokenizer,
    });
  }
  const limit = tokenizer.model_max_length;
  const template = learnTemplate(tokenizer);
  const cannot = (what: string) => (): never => {
    throw new ConfigError({
      where: `preprocess.fromTransformers: ${what}`,
      problem: 'the vocabulary of an adapted tokenizer cannot be seen',
      remedy: 'for checkpoints and workers build the tokenizer from its files: tokenizer(folder)',
    });
  };
  return new TextTokenizer({
    model: adaptedModel(tokenizer),
    template,
    padTokenId: tokenizer.pad_token_id ?? 0,
    maxLength: options.maxLength ?? (limit !== undefined && limit < NO_LIMIT ? limit : 512),
    paddingSide: tokenizer.padding_side === 'left' ? 'left' : 'right',
    truncationSide: 'right',
    tokenTypeIds: call(tokenizer, 'a', {}).typeIds !== undefined,
    describe: cannot('describe()'),
    files: cannot('files()'),
  });
}

function adaptedModel(tokenizer: TransformersTokenizer): TokenModel {
  const inner = tokenizer as { model?: { vocab?: ArrayLike<string>; tokens_to_ids?: ReadonlyMap<string, number> } };
  const library = tokenizer as { _tokenizer?: { get_vocab?(): ReadonlyMap<string, number> } };
  const vocabulary = inner.model?.tokens_to_ids ?? library._tokenizer?.get_vocab?.();
  const tokens = new Map<number, string>();
  for (const [token, id] of vocabulary ?? []) tokens.set(id, token);
  return {
    vocabSize: tokens.size,
    ids: (text) => {
      if (text.length > LONGEST_TEXT) {
        throw new InputError({
          where: 'preprocess.fromTransformers',
          expected: `a text of at most ${LONGEST_TEXT} characters`,
          got: `${text.length}`,
          remedy: 'cut the text, or use tokenizer(folder), which reads long texts only as far as needed',
        });
      }
      return call(tokenizer, text, PLAIN).ids;
    },
    decode: (ids, skip) => (ids.length === 0 ? '' : tokenizer.decode([...ids], { skip_special_tokens: skip })),
    tokenToId: (token) => vocabulary?.get(token),
    idToToken: (id) => tokens.get(id),
  };
}

/** The special tokens around `a`, and around the pair `a`, `b`. */
function learnTemplate(tokenizer: TransformersTokenizer): TokenTemplate {
  const first = call(tokenizer, 'a', PLAIN).ids;
  const second = call(tokenizer, 'b', PLAIN).ids;
  if (first.length === 0 || second.length === 0) return bareTemplate;
  const one = call(tokenizer, 'a', {});
  const two = call(tokenizer, 'a', { text_pair: 'b' });
  const single = around(one, find(one.ids, first, 0), first.length);
  const start = find(two.ids, first, 0);
  const pairStart = find(two.ids, second, start + first.length);
  const pair = around(two, start, first.length);
  return {
    single,
    pair: {
      before: pair.before,
      between: special(two, start + first.length, pairStart),
      after: special(two, pairStart + second.length, two.ids.length),
      typeId: pair.typeId,
      secondTypeId: two.typeIds?.[pairStart] ?? 0,
    },
  };
}

interface Called {
  readonly ids: readonly number[];
  readonly typeIds: readonly number[] | undefined;
}

function call(tokenizer: TransformersTokenizer, text: string, options: TransformersCallOptions): Called {
  const { input_ids, token_type_ids } = tokenizer(text, {
    padding: false,
    truncation: false,
    return_tensor: false,
    ...options,
  });
  return { ids: Array.from(input_ids, Number), typeIds: token_type_ids && Array.from(token_type_ids, Number) };
}

function around(encoding: Called, start: number, length: number): TemplateParts {
  return {
    before: special(encoding, 0, start),
    after: special(encoding, start + length, encoding.ids.length),
    typeId: encoding.typeIds?.[start] ?? 0,
  };
}

function special({ ids, typeIds }: Called, from: number, to: number) {
  return ids.slice(from, to).map((id, i) => ({ id, typeId: typeIds?.[from + i] ?? 0 }));
}

function find(ids: readonly number[], wanted: readonly number[], from: number): number {
  for (let at = from; at + wanted.length <= ids.length; at++) {
    if (wanted.every((id, i) => ids[at + i] === id)) return at;
  }
  throw new ConfigError({
    where: 'preprocess.fromTransformers',
    problem: 'the tokenizer gives other ids with special tokens than without',
    remedy: 'build it from its files: tokenizer(folder)',
  });
}
