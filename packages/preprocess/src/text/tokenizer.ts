import { fileURLToPath } from 'node:url';
import { ConfigError, type JsonObject } from '@diptych/core';
import { bertFromVocabulary, wordPieceFromJson } from './bert-tokenizer.js';
import type { BuiltTokenizer } from './built-tokenizer.js';
import { isObject, type TokenizerDefinition } from './definition.js';
import { libraryTokenizer } from './library-tokenizer.js';
import { parseJson, readDefinition, readDefinitionFrom, type TokenizerSource } from './read-definition.js';
import { layoutSettings, tokenText } from './settings.js';
import { templateFromJson } from './template-from-json.js';
import { TextTokenizer } from './text-tokenizer.js';

/** Settings of {@link tokenizer}; they go before what the files say. */
export interface TokenizerOptions {
  /** Longest row that the network takes. Default: `model_max_length` of `tokenizer_config.json`, else 512. */
  readonly maxLength?: number;
  /** For a `vocab.txt`: lower-case and strip accents, as uncased models want it. Default: `do_lower_case`, else true. */
  readonly lowercase?: boolean;
}

/**
 * The tokenizer of a model of the hub: BERT's WordPiece, byte-level BPE (RoBERTa, GPT-2), CLIP's BPE, unigram (T5, XLM-R,
 * SigLIP). Ids equal those of transformers' fast tokenizers.
 *
 * @param source a hub folder, a `tokenizer.json` or `vocab.txt` (path or file URL), or the object read from a
 *   `tokenizer.json`
 * @throws InputError for files that are missing or malformed
 * @throws ConfigError for a tokenizer that asks for something that is not supported
 */
export function tokenizer(source: string | URL | JsonObject, options: TokenizerOptions = {}): TextTokenizer {
  return build(withOptions(definitionOf(source), options));
}

/**
 * Builds a tokenizer again from the options of its description, in a worker or from a checkpoint.
 *
 * @param folder where the checkpoint's files are; it goes before the path in the options
 * @throws InputError for files that are missing or malformed
 */
export function tokenizerFromOptions(options: JsonObject, folder?: string): TextTokenizer {
  const { file, content, config = {}, path } = options;
  const overrides = isObject(config) ? config : {};
  if (folder !== undefined || typeof path === 'string') {
    const read = readDefinition(folder ?? (path as string));
    return build({ ...read, config: { ...read.config, ...overrides } });
  }
  if ((file === 'vocab.txt' || file === 'tokenizer.json') && typeof content === 'string') {
    return build({ file, content, config: overrides });
  }
  throw new ConfigError({
    where: 'preprocess.tokenizerFromOptions',
    expected: 'options with a path, or a file and its content, as describe() gives them',
    got: `the keys ${Object.keys(options).join(', ') || '(none)'}`,
  });
}

/**
 * The tokenizer that a checkpoint folder holds: what `files()` wrote there.
 *
 * @throws InputError if the folder has no `tokenizer.json` or `vocab.txt`
 */
export function tokenizerFromFolder(folder: string): TextTokenizer {
  return build(readDefinition(folder));
}

/**
 * The tokenizer of a model by its name on the hub: `await tokenizerFromSource(openSource('google-bert/bert-base-uncased'))`,
 * with `openSource` of `@diptych/weights`.
 *
 * @throws InputError if the source has no `tokenizer.json` or `vocab.txt`; and what the source throws
 */
export async function tokenizerFromSource(
  source: TokenizerSource,
  options: TokenizerOptions = {},
): Promise<TextTokenizer> {
  return build(withOptions(await readDefinitionFrom(source), options));
}

function definitionOf(source: string | URL | JsonObject): TokenizerDefinition {
  if (source instanceof URL) return readDefinition(fileURLToPath(source));
  if (typeof source === 'string') return readDefinition(source.startsWith('file:') ? fileURLToPath(source) : source);
  if (isObject(source) && isObject(source.model)) {
    return { file: 'tokenizer.json', content: JSON.stringify(source), config: {} };
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
  return { ...definition, config: { ...definition.config, ...overrides } };
}

function build(definition: TokenizerDefinition): TextTokenizer {
  const { file, content, config, path } = definition;
  const built = file === 'vocab.txt' ? bertFromVocabulary(definition) : fromJson(definition);
  const source: JsonObject = path === undefined ? { content } : { path };
  return new TextTokenizer({
    ...built,
    describe: () => ({
      kind: 'preprocess/tokenizer',
      options: { file, config, ...source },
      module: '@diptych/preprocess/text',
      export: 'tokenizerFromOptions',
    }),
    files: () => ({ [file]: content, 'tokenizer_config.json': `${JSON.stringify(config, null, 2)}\n` }),
  });
}

function fromJson({ content, config, path }: TokenizerDefinition): BuiltTokenizer {
  const json = parseJson(content, path ?? 'tokenizer.json');
  const wordPiece = wordPieceFromJson(json);
  if (!wordPiece) return libraryTokenizer(json, config);
  const pad = tokenText(config.pad_token) ?? '[PAD]';
  return {
    model: wordPiece,
    template: templateFromJson(json.post_processor),
    padTokenId: wordPiece.tokenToId(pad) ?? 0,
    tokenTypeIds: true,
    ...layoutSettings(config),
  };
}
