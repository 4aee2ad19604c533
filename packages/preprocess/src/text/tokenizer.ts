import { ConfigError, checkFields, checkMethods, checkOptions, type JsonObject, type OptionNames } from '@diptych/core';
import type { BuiltTokenizer } from './built-tokenizer.js';
import { isObject, type TokenizerDefinition } from './definition.js';
import { Pipeline } from './pipeline/pipeline.js';
import { WordPieces } from './pipeline/word-pieces.js';
import { readDefinitionFrom, type TokenizerSource } from './read-definition.js';
import { readDefinition } from './read-folder.js';
import { layoutSettings } from './settings.js';
import { templateFromJson } from './template-from-json.js';
import { TextTokenizer } from './text-tokenizer.js';
import type { TokenModel } from './token-model.js';
import { SPECIAL_NAMES } from './transformers/classes.js';
import { type ReadTokenizer, readAsTransformers } from './transformers/read-as-transformers.js';
import { areLiteral, WordPiece } from './word-piece.js';

/** Settings of {@link tokenizer}; they go before what the files say. */
export interface TokenizerOptions {
  /** Longest row that the network takes. Default: `model_max_length` of `tokenizer_config.json`, else 512. */
  readonly maxLength?: number;
  /**
   * Lower-case and strip accents, as uncased models want it. Default: `do_lower_case`, else true. Without effect where a
   * `tokenizer.json` is read as it stands.
   */
  readonly lowercase?: boolean;
}

const OPTIONS: OptionNames<TokenizerOptions> = { maxLength: 'optional', lowercase: 'optional' };

/**
 * The tokenizer of a model of the hub, as transformers 5 reads its files: WordPiece (BERT), BPE (RoBERTa, GPT-2, CLIP, Llama),
 * unigram (T5, XLM-R, SigLIP), whole words. Ids, masks and added tokens equal those of transformers' fast tokenizers.
 *
 * @param source a hub folder, a `tokenizer.json` or `vocab.txt` (path or file URL), or the object read from a
 *   `tokenizer.json`
 * @throws InputError for files that are missing or malformed
 * @throws ConfigError for a tokenizer that asks for something that is not supported
 */
export function tokenizer(source: string | URL | JsonObject, options: TokenizerOptions = {}): TextTokenizer {
  checkOptions('preprocess.tokenizer', options, OPTIONS);
  return build(withOptions(definitionOf(source), options));
}

/**
 * Builds a tokenizer again from the options of its description, in a worker or from a checkpoint.
 *
 * @param folder where the checkpoint's files are; it goes before the path in the options
 * @throws InputError for files that are missing or malformed
 */
export function tokenizerFromOptions(options: JsonObject, folder?: string): TextTokenizer {
  checkFields('preprocess.tokenizerFromOptions', 'the options', options, []);
  const { files, overrides, path } = options;
  const settings = isObject(overrides) ? overrides : {};
  if (folder !== undefined || typeof path === 'string') {
    return build({ ...readDefinition(folder ?? (path as string)), overrides: settings });
  }
  if (isObject(files) && Object.values(files).every((text) => typeof text === 'string')) {
    return build({ files: files as TokenizerDefinition['files'], overrides: settings });
  }
  throw new ConfigError({
    where: 'preprocess.tokenizerFromOptions',
    expected: 'options with a path, or files with their contents, as describe() gives them',
    got: `the keys ${Object.keys(options).join(', ') || '(none)'}`,
  });
}

/**
 * The tokenizer that a checkpoint folder holds: what `files()` wrote there.
 *
 * @throws InputError if the folder has no vocabulary
 */
export function tokenizerFromFolder(folder: string): TextTokenizer {
  return build(readDefinition(folder));
}

/**
 * The tokenizer of a model by its name on the hub: `await tokenizerFromSource(openSource('google-bert/bert-base-uncased'))`,
 * with `openSource` of `@diptych/weights`.
 *
 * @throws InputError if the source has no vocabulary; and what the source throws
 */
export async function tokenizerFromSource(
  source: TokenizerSource,
  options: TokenizerOptions = {},
): Promise<TextTokenizer> {
  const where = 'preprocess.tokenizerFromSource';
  checkMethods(where, source, ['list', 'read'], 'openSource() of @diptych/weights makes one');
  checkOptions(where, options, OPTIONS);
  return build(withOptions(await readDefinitionFrom(source), options));
}

function definitionOf(source: string | URL | JsonObject): TokenizerDefinition {
  if (source instanceof URL || typeof source === 'string') return readDefinition(source);
  if (isObject(source) && isObject(source.model)) {
    return { files: { 'tokenizer.json': JSON.stringify(source) }, overrides: {} };
  }
  throw new ConfigError({
    where: 'preprocess.tokenizer',
    expected: 'a path, or the object of a tokenizer.json (with a model)',
    got: isObject(source) ? `an object with the keys ${Object.keys(source).slice(0, 8).join(', ')}` : typeof source,
    remedy: 'adapt a tokenizer of transformers.js with fromTransformers(it)',
  });
}

function withOptions(definition: TokenizerDefinition, { maxLength, lowercase }: TokenizerOptions): TokenizerDefinition {
  const overrides: JsonObject = {
    ...(maxLength !== undefined && { model_max_length: maxLength }),
    ...(lowercase !== undefined && { do_lower_case: lowercase }),
  };
  if (maxLength !== undefined && !(Number.isInteger(maxLength) && maxLength > 0)) {
    throw new ConfigError({
      where: 'preprocess.tokenizer',
      expected: 'maxLength to be a positive integer',
      got: String(maxLength),
    });
  }
  return { ...definition, overrides };
}

function build(definition: TokenizerDefinition): TextTokenizer {
  const { files, overrides, path, sentencePiece } = definition;
  const read = readAsTransformers(definition);
  const { className } = read;
  const store = () => (sentencePiece ? asTokenizerJson(definition) : stored(definition, className));
  return new TextTokenizer({
    ...built(read),
    describe: () => ({
      kind: 'preprocess/tokenizer',
      options: path === undefined ? { files: sentencePiece ? store() : { ...files }, overrides } : { path, overrides },
    }),
    files: store,
  });
}

/** What a SentencePiece model and its class make, as the files that transformers writes: texts, and nothing left to convert. */
function asTokenizerJson(definition: TokenizerDefinition): { readonly [name: string]: string } {
  const { json, modelJson, added, special, className } = readAsTransformers(definition);
  const { 'special_tokens_map.json': _, 'added_tokens.json': __, ...rest } = stored(definition, className);
  const { added_tokens_decoder: ___, ...settings } = JSON.parse(rest['tokenizer_config.json']!) as JsonObject;
  const named = SPECIAL_NAMES.flatMap((name) => {
    const content = special(name)?.[0];
    return content === undefined ? [] : [[name, content] as const];
  });
  const tokens = [...added.entries()].map(([id, { singleWord, ...token }]) => ({
    id,
    single_word: singleWord,
    ...token,
  }));
  const whole = { version: '1.0', truncation: null, padding: null, ...json, added_tokens: tokens, model: modelJson };
  return {
    ...rest,
    'tokenizer.json': JSON.stringify(whole),
    'tokenizer_config.json': jsonText({ ...settings, ...Object.fromEntries(named) }),
  };
}

const jsonText = (value: JsonObject): string => `${JSON.stringify(value, null, 2)}\n`;

/** The model's config.json is not the tokenizer's to store; what it says of the tokenizer goes into the settings. */
function stored({ files, overrides }: TokenizerDefinition, className: string): { readonly [name: string]: string } {
  const { 'config.json': _, 'tokenizer_config.json': config = '{}', ...rest } = files;
  // the file of a version is stored as tokenizer.json
  const { fast_tokenizer_files: __, ...given } = JSON.parse(config) as JsonObject;
  return { ...rest, 'tokenizer_config.json': jsonText({ ...given, tokenizer_class: className, ...overrides }) };
}

function built(read: ReadTokenizer): BuiltTokenizer {
  const { json, settings, rules, special } = read;
  const template = templateFromJson(json.post_processor);
  const names = settings.model_input_names;
  const segments = rules ? rules.segments === true : template.pair.secondTypeId !== 0;
  return {
    model: modelOf(read),
    template,
    padTokenId: special('pad_token')?.[1] ?? usualPadding(read),
    tokenTypeIds: Array.isArray(names) ? names.includes('token_type_ids') : segments,
    ...layoutSettings(settings, rules ?? (read.className === 'SiglipTokenizer' ? { maxLength: 64 } : {})),
  };
}

/** Where no file names a padding token (transformers then refuses to pad) any id will do: the mask hides it. */
function usualPadding({ added, special }: ReadTokenizer): number {
  const usual = ['<pad>', '[PAD]', '<|endoftext|>', '</s>'].map((token) => added.idOf(token));
  return usual.find((id) => id !== undefined) ?? special('eos_token')?.[1] ?? 0;
}

/** BERT's steps all at once where they are BERT's and the added tokens are plain, else one by one. */
function modelOf({ json, model, added, settings }: ReadTokenizer): TokenModel {
  const splitSpecialTokens = settings.split_special_tokens === true;
  const { normalizer, pre_tokenizer: words, decoder } = json;
  const isBert =
    model instanceof WordPieces &&
    isObject(normalizer) &&
    normalizer.type === 'BertNormalizer' &&
    normalizer.clean_text !== false &&
    isObject(words) &&
    words.type === 'BertPreTokenizer' &&
    isObject(decoder) &&
    decoder.type === 'WordPiece' &&
    decoder.cleanup !== false;
  if (isBert && !splitSpecialTokens && areLiteral(added)) {
    const lowercase = normalizer.lowercase !== false;
    return new WordPiece(model, {
      lowercase,
      stripAccents: typeof normalizer.strip_accents === 'boolean' ? normalizer.strip_accents : lowercase,
      handleChineseChars: normalizer.handle_chinese_chars !== false,
      added,
    });
  }
  return new Pipeline({ model, added, json, splitSpecialTokens });
}
