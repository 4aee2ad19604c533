import type { JsonObject } from '@diptych/core';
import type { BuiltTokenizer } from './built-tokenizer.js';
import { isObject, type TokenizerDefinition } from './definition.js';
import { layoutSettings, tokenText } from './settings.js';
import { bertTemplate } from './template.js';
import { WordPiece } from './word-piece.js';

/**
 * A BERT tokenizer from a `vocab.txt`: one token a line, its number is its id.
 *
 * @throws InputError if [UNK], [CLS], [SEP] or [PAD] (or what the configuration calls them) is missing
 */
export function bertFromVocabulary({ content, config }: TokenizerDefinition): BuiltTokenizer {
  const tokens = content.split('\n').map((line) => line.replace(/\r$/, ''));
  if (tokens.at(-1) === '') tokens.pop();
  const special = specialTokens(config);
  const lowercase = config.do_lower_case !== false;
  const model = new WordPiece(tokens, {
    lowercase,
    stripAccents: typeof config.strip_accents === 'boolean' ? config.strip_accents : lowercase,
    handleChineseChars: config.tokenize_chinese_chars !== false,
    unkToken: special.unk,
    specialTokens: [
      special.unk,
      special.sep,
      special.pad,
      special.cls,
      ...(tokens.includes(special.mask) ? [special.mask] : []),
    ],
  });
  return {
    model,
    template: bertTemplate(model.tokenToId(special.cls)!, model.tokenToId(special.sep)!),
    padTokenId: model.tokenToId(special.pad)!,
    tokenTypeIds: true,
    ...layoutSettings(config),
  };
}

function specialTokens(config: JsonObject) {
  return {
    unk: tokenText(config.unk_token) ?? '[UNK]',
    sep: tokenText(config.sep_token) ?? '[SEP]',
    pad: tokenText(config.pad_token) ?? '[PAD]',
    cls: tokenText(config.cls_token) ?? '[CLS]',
    mask: tokenText(config.mask_token) ?? '[MASK]',
  };
}

/**
 * The WordPiece model of a `tokenizer.json`; undefined where the file asks for something that {@link WordPiece} does not do
 * (another normalizer, added tokens that swallow spaces).
 */
export function wordPieceFromJson(json: JsonObject): WordPiece | undefined {
  const { model, normalizer, pre_tokenizer: preTokenizer, decoder, added_tokens: added } = json;
  if (!isObject(model) || model.type !== 'WordPiece' || !isObject(model.vocab)) return undefined;
  if (!isObject(normalizer) || normalizer.type !== 'BertNormalizer' || normalizer.clean_text === false)
    return undefined;
  if (!isObject(preTokenizer) || preTokenizer.type !== 'BertPreTokenizer') return undefined;
  if (isObject(decoder) && (decoder.type !== 'WordPiece' || decoder.cleanup === false)) return undefined;
  const vocabulary = model.vocab as { readonly [token: string]: number };
  const special: string[] = [];
  for (const token of Array.isArray(added) ? added : []) {
    if (!isPlainToken(token) || vocabulary[token.content] !== token.id) return undefined;
    special.push(token.content);
  }
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(vocabulary)) tokens[id] = token;
  const lowercase = normalizer.lowercase !== false;
  return new WordPiece(
    Array.from(tokens, (token, id) => token ?? `\u0000${id}`),
    {
      lowercase,
      stripAccents: typeof normalizer.strip_accents === 'boolean' ? normalizer.strip_accents : lowercase,
      handleChineseChars: normalizer.handle_chinese_chars !== false,
      unkToken: typeof model.unk_token === 'string' ? model.unk_token : '[UNK]',
      continuingSubwordPrefix:
        typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '##',
      maxInputCharsPerWord: typeof model.max_input_chars_per_word === 'number' ? model.max_input_chars_per_word : 100,
      specialTokens: special,
    },
  );
}

function isPlainToken(token: unknown): token is { id: number; content: string } {
  return (
    isObject(token) &&
    typeof token.content === 'string' &&
    !/\s/.test(token.content) &&
    !token.lstrip &&
    !token.rstrip &&
    !token.single_word &&
    !token.normalized
  );
}
