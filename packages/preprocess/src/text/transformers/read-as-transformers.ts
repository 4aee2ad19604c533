import { ConfigError, InputError, type Json, type JsonObject } from '@diptych/core';
import { isObject, type TokenizerDefinition } from '../definition.js';
import { type AddedToken, AddedTokens } from '../pipeline/added-tokens.js';
import { modelFromJson, modelType } from '../pipeline/model-from-json.js';
import type { WordModel } from '../pipeline/word-model.js';
import { parseJson } from '../read-definition.js';
import { classOf, GENERIC } from './class-of.js';
import { SPECIAL_NAMES, type SpecialLookup, TOKENIZER_CLASSES, type TokenizerClass } from './classes.js';
import { frame } from './frame.js';
import { fromSentencePiece } from './from-sentencepiece.js';
import { readSentencePieceModel } from './sentencepiece-model.js';
import { mergesFromText, vocabularyFromText } from './vocabulary-files.js';

/** A tokenizer as its files and its class make it. */
export interface ReadTokenizer {
  /** Steps, as a `tokenizer.json` has them, and of the model what decoding needs. */
  readonly json: JsonObject;
  /** The model with its vocabulary, as a `tokenizer.json` has it. */
  readonly modelJson: JsonObject;
  readonly model: WordModel;
  readonly added: AddedTokens;
  /** The name of the class that was followed; `PreTrainedTokenizerFast` for a `tokenizer.json` as it stands. */
  readonly className: string;
  readonly rules: TokenizerClass | undefined;
  /** `tokenizer_config.json` with what goes before and after it. */
  readonly settings: JsonObject;
  /** A special token by its name. */
  readonly special: SpecialLookup;
}

/** Settings while they are read. */
type Settings = { [key: string]: Json | undefined };
/** A token of a file before its flags are settled: `normalized` follows `special` where it is left out. */
type TokenEntry = { readonly content: string } & {
  [flag in 'single_word' | 'lstrip' | 'rstrip' | 'normalized' | 'special']?: boolean;
};

/**
 * Reads a tokenizer's files in transformers' order of precedence (5.24, `PreTrainedTokenizerBase._from_pretrained` and
 * `TokenizersBackend.__init__`): the class counts before the steps of `tokenizer.json`; `added_tokens_decoder` of
 * `tokenizer_config.json` before `special_tokens_map.json` and `added_tokens.json`, which are then not read; `tokenizer.json`'s
 * own added tokens before `added_tokens.json`; added tokens get their ids in order, whatever number a file gives them.
 *
 * @throws InputError for files that are malformed or contradict themselves
 * @throws ConfigError for a class or a step that is not supported
 */
export function readAsTransformers(definition: TokenizerDefinition): ReadTokenizer {
  const { files, overrides, sentencePiece, path = 'tokenizer' } = definition;
  const read = (name: keyof typeof files): JsonObject | undefined =>
    files[name] === undefined
      ? undefined
      : parseJson(
          files[name],
          files['tokenizer.json'] !== undefined && name === 'tokenizer.json' && path.endsWith('.json') ? path : name,
        );
  let json = read('tokenizer.json');
  const config: JsonObject = { ...read('tokenizer_config.json'), ...overrides };
  // a SentencePiece model is read by any class, as a tokenizer.json is
  const className = classOf(config, read('config.json'), json ?? (sentencePiece && {}), files);
  const rules = TOKENIZER_CLASSES[className];

  const { tokenizer_class: _, ...given } = config;
  const settings: Settings = given;
  if (json) for (const key of ['add_bos_token', 'add_eos_token']) delete settings[key];
  moveExtra(settings);
  const own = modelTokens(settings);
  const decoder = addedDecoder(settings, read('special_tokens_map.json'), read('added_tokens.json'), json, own);
  if (sentencePiece) {
    const where = `${path}/${sentencePiece.name}`;
    const made = fromSentencePiece(
      readSentencePieceModel(sentencePiece.bytes, where),
      className,
      settings,
      new Map([...decoder].map(([id, { content }]) => [id, content])),
      where,
    );
    json = made.json;
    Object.assign(settings, made.settings);
    for (const [key, value] of Object.entries(made.defaults)) if (settings[key] === undefined) settings[key] = value;
    if (made.addedAreRaw) for (const [id, token] of decoder) decoder.set(id, { ...token, normalized: false });
  }
  const known = new Map([...decoder.values()].map((token) => [token.content, token]));

  // truncation and padding of tokenizer.json give defaults only
  const { padding, truncation } = json ?? {};
  if (isObject(padding)) {
    if (settings.pad_token === undefined && typeof padding.pad_token === 'string')
      settings.pad_token = padding.pad_token;
    settings.padding_side ??= String(padding.direction).toLowerCase();
  }
  if (isObject(truncation)) settings.truncation_side ??= String(truncation.direction).toLowerCase();

  const named = new Map<string, TokenEntry>();
  for (const name of [...SPECIAL_NAMES, ...Object.keys(own)]) {
    const given = name in own ? own[name] : name in settings ? settings[name] : rules?.special[name];
    const entry = given === null || given === undefined ? undefined : tokenEntry(given, name);
    const flags = entry && name in settings ? known.get(entry.content) : undefined;
    if (entry) named.set(name, flags ?? entry);
  }
  const vocabularyJson = vocabulary(json, rules, files, settings);
  const modelJson: Json | undefined = rules
    ? {
        type: rules.model,
        ...vocabularyJson,
        ...rules.options(settings, (name) => named.get(name)?.content ?? '', vocabularyJson.vocab!),
      }
    : json!.model;
  const model = modelFromJson(modelJson);

  const added = new AddedTokens(model);
  if (!rules) for (const token of listOf(json!.added_tokens)) added.add(settled(tokenEntry(token, 'added_tokens')));
  const names = new Set([...named.values()].map(({ content }) => content));
  const toAdd = [...decoder.entries()].sort(([a], [b]) => a - b).map(([, token]) => token);
  const encoder = new Set(
    [...added.entries()].map(([, { content }]) => content).concat(toAdd.map(({ content }) => content)),
  );
  const extra = rules?.extra
    ? (settings.extra_special_tokens ?? rules.extra(settings, optionalList(settings.additional_special_tokens)))
    : (settings.extra_special_tokens ?? settings.additional_special_tokens);
  for (const token of [...named.values(), ...listOf(extra).map((one) => tokenEntry(one, 'extra_special_tokens'))]) {
    if (!encoder.has(token.content)) toAdd.push(token);
  }
  for (const token of toAdd) added.add(settled(names.has(token.content) ? { ...token, special: true } : token));

  const special: SpecialLookup = (name) => {
    const content = named.get(name)?.content;
    if (content === undefined) return null;
    const unk = named.get('unk_token')?.content;
    const id = added.idOf(content) ?? (unk === undefined ? undefined : added.idOf(unk));
    return id === undefined ? null : [content, id];
  };
  const steps: JsonObject = rules
    ? rules.steps(settings, charsmapOf(json?.normalizer))
    : {
        normalizer: json!.normalizer ?? null,
        pre_tokenizer: json!.pre_tokenizer ?? null,
        decoder: json!.decoder ?? null,
      };
  const effective: JsonObject = {
    ...steps,
    post_processor: frame(rules, special, settings, json, (token) => added.idOf(token)),
    model: { end_of_word_suffix: (modelJson as JsonObject).end_of_word_suffix ?? null },
  };
  return { json: effective, modelJson: modelJson as JsonObject, model, added, className, rules, settings, special };
}

/** `additional_special_tokens` is the old name. */
function moveExtra(settings: Settings): void {
  const { additional_special_tokens: old, extra_special_tokens: extra } = settings;
  const isEmpty =
    !extra || (isObject(extra) && Object.keys(extra).length === 0) || (Array.isArray(extra) && extra.length === 0);
  if (old !== undefined && isEmpty) {
    settings.extra_special_tokens = old;
    delete settings.additional_special_tokens;
  }
  if (settings.extra_special_tokens === null) delete settings.extra_special_tokens;
}

/** Special tokens with names of the model's own, such as `image_token`; they leave the settings. */
function modelTokens(settings: Settings): Settings {
  const own: Settings = {};
  for (const [key, value] of Object.entries(settings)) {
    if (!key.endsWith('_token') || (SPECIAL_NAMES as readonly string[]).includes(key)) continue;
    if (typeof value !== 'string' && !(isObject(value) && value.__type === 'AddedToken')) continue;
    own[key] = value;
    delete settings[key];
  }
  if (isObject(settings.extra_special_tokens)) {
    Object.assign(own, settings.extra_special_tokens);
    delete settings.extra_special_tokens;
  }
  return own;
}

/** Added tokens by the number that files give them. */
function addedDecoder(
  settings: Settings,
  map: JsonObject | undefined,
  addedFile: JsonObject | undefined,
  json: JsonObject | undefined,
  own: Settings,
): Map<number, TokenEntry> {
  const decoder = new Map<number, TokenEntry>();
  if (settings.added_tokens_decoder !== undefined) {
    const tokens = settings.added_tokens_decoder;
    if (!isObject(tokens)) throw malformed('tokenizer_config.json: added_tokens_decoder', tokens);
    for (const [id, token] of Object.entries(tokens))
      decoder.set(Number(id), tokenEntry(token ?? null, 'added_tokens_decoder'));
    return decoder;
  }
  for (const [key, value] of Object.entries(map ?? {})) {
    if (key === 'extra_special_tokens' && Array.isArray(value)) {
      const existing = listOf(settings.extra_special_tokens);
      settings.extra_special_tokens = [...existing, ...value.filter((one) => !existing.includes(one))];
    } else if (key === 'extra_special_tokens' && isObject(value)) {
      Object.assign(own, value);
    } else {
      settings[key] = isObject(value) ? { ...value, special: true } : value;
    }
  }
  if (addedFile) {
    const special = new Set(
      [...SPECIAL_NAMES.map((name) => settings[name]), ...listOf(settings.extra_special_tokens)].map((one) =>
        one ? contentOf(one) : undefined,
      ),
    );
    for (const [content, id] of Object.entries(addedFile)) {
      const isSpecial = special.has(content);
      decoder.set(Number(id), { content, normalized: !isSpecial, special: isSpecial });
    }
  }
  for (const token of listOf(json?.added_tokens)) {
    if (isObject(token)) decoder.set(Number(token.id), tokenEntry(token, 'added_tokens'));
  }
  return decoder;
}

/** Vocabulary, and for BPE merges, of whichever file has them. */
function vocabulary(
  json: JsonObject | undefined,
  rules: TokenizerClass | undefined,
  files: TokenizerDefinition['files'],
  settings: JsonObject,
): JsonObject {
  if (!rules) return {};
  if (json) {
    const model = json.model;
    if (!isObject(model)) throw malformed('tokenizer.json: model', model);
    const type = modelType(model);
    if (type !== rules.model) {
      throw new ConfigError({
        where: 'tokenizer.json: model',
        expected: `${rules.model}, as the class in tokenizer_config.json or config.json has it`,
        got: String(type),
        remedy: `name ${GENERIC} as tokenizer_class to read tokenizer.json as it stands`,
      });
    }
    return { vocab: model.vocab ?? null, ...(rules.model === 'BPE' && { merges: model.merges ?? [] }) };
  }
  if (rules.model === 'WordPiece' && files['vocab.txt'] !== undefined)
    return { vocab: vocabularyFromText(files['vocab.txt']) };
  if (rules.model === 'BPE' && files['vocab.json'] !== undefined && files['merges.txt'] !== undefined) {
    return { vocab: parseJson(files['vocab.json'], 'vocab.json'), merges: mergesFromText(files['merges.txt']) };
  }
  throw new ConfigError({
    where: 'preprocess.tokenizer',
    expected:
      rules.model === 'WordPiece'
        ? 'tokenizer.json or vocab.txt'
        : rules.model === 'BPE'
          ? 'tokenizer.json, or vocab.json with merges.txt'
          : 'tokenizer.json',
    got: Object.keys(files).join(', '),
    remedy: `${settings.name_or_path ? '' : 'make one with transformers: '}AutoTokenizer.from_pretrained(id).save_pretrained(folder)`,
  });
}

function charsmapOf(normalizer: Json | undefined): Json | undefined {
  if (!isObject(normalizer)) return undefined;
  const steps = normalizer.type === 'Sequence' ? listOf(normalizer.normalizers) : [normalizer];
  const table = steps.find((step) => isObject(step) && step.type === 'Precompiled' && step.precompiled_charsmap);
  return isObject(table) ? table.precompiled_charsmap : undefined;
}

function tokenEntry(value: Json, where: string): TokenEntry {
  if (typeof value === 'string') return { content: value, special: true };
  if (isObject(value) && typeof value.content === 'string') {
    const entry: { content: string } & { [flag: string]: boolean | string } = { content: value.content };
    for (const flag of ['single_word', 'lstrip', 'rstrip', 'normalized', 'special']) {
      if (typeof value[flag] === 'boolean') entry[flag] = value[flag];
    }
    return entry;
  }
  throw malformed(where, value);
}

function settled(token: TokenEntry): AddedToken {
  const special = token.special === true;
  return {
    content: token.content,
    singleWord: token.single_word === true,
    lstrip: token.lstrip === true,
    rstrip: token.rstrip === true,
    normalized: token.normalized ?? !special,
    special,
  };
}

function contentOf(value: Json): string | undefined {
  return isObject(value) ? String(value.content) : typeof value === 'string' ? value : undefined;
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function optionalList(value: Json | undefined): readonly Json[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

function malformed(where: string, got: Json | undefined): InputError {
  return new InputError({
    where,
    expected: 'tokens: text, or objects with content',
    got: JSON.stringify(got)?.slice(0, 80) ?? 'none',
  });
}
