import { ConfigError, InputError, type Json, type JsonObject } from '@diptych/core';
import { isObject, type TokenizerDefinition } from '../definition.js';
import { type AddedToken, AddedTokens } from '../pipeline/added-tokens.js';
import { modelFromJson, modelType } from '../pipeline/model-from-json.js';
import type { WordModel } from '../pipeline/word-model.js';
import { parseJson } from '../read-definition.js';
import { SPECIAL_NAMES, type SpecialLookup, TOKENIZER_CLASSES, type TokenizerClass } from './classes.js';
import { CLASS_OF_MODEL_TYPE, CLASSES_NOT_SUPPORTED, GENERIC_MODEL_TYPES, WRONG_CLASS_ON_HUB } from './model-types.js';
import { mergesFromText, vocabularyFromText } from './vocabulary-files.js';

/** A tokenizer as its files and its class make it. */
export interface ReadTokenizer {
  /** Steps and model, as a `tokenizer.json` has them. */
  readonly json: JsonObject;
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

const GENERIC = 'PreTrainedTokenizerFast';
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
export function readAsTransformers({ files, overrides, path = 'tokenizer' }: TokenizerDefinition): ReadTokenizer {
  const read = (name: keyof typeof files): JsonObject | undefined =>
    files[name] === undefined
      ? undefined
      : parseJson(
          files[name],
          files['tokenizer.json'] !== undefined && name === 'tokenizer.json' && path.endsWith('.json') ? path : name,
        );
  const json = read('tokenizer.json');
  const config: JsonObject = { ...read('tokenizer_config.json'), ...overrides };
  const className = classOf(config, read('config.json'), json, files);
  const rules = TOKENIZER_CLASSES[className];

  const { tokenizer_class: _, ...given } = config;
  const settings: Settings = given;
  if (json) for (const key of ['add_bos_token', 'add_eos_token']) delete settings[key];
  moveExtra(settings);
  const own = modelTokens(settings);
  const decoder = addedDecoder(settings, read('special_tokens_map.json'), read('added_tokens.json'), json, own);
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
  const model = modelFromJson(
    rules
      ? {
          type: rules.model,
          ...vocabularyJson,
          ...rules.options(settings, (name) => named.get(name)?.content ?? '', vocabularyJson.vocab!),
        }
      : json!.model,
  );

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
    post_processor: frame(rules, special, settings, json),
    model: {
      end_of_word_suffix:
        (rules ? rules.options(settings, () => '', []) : (json!.model as JsonObject)).end_of_word_suffix ?? null,
    },
  };
  return { json: effective, model, added, className, rules, settings, special };
}

/** The class that transformers' AutoTokenizer picks. */
function classOf(
  config: JsonObject,
  model: JsonObject | undefined,
  json: JsonObject | undefined,
  files: TokenizerDefinition['files'],
): string {
  const plain = (name: Json | undefined) =>
    typeof name === 'string' ? (name === GENERIC ? name : name.replace(/Fast$/, '')) : undefined;
  const given = plain(config.tokenizer_class) ?? plain(model?.tokenizer_class);
  const type = typeof model?.model_type === 'string' ? model.model_type : '';
  const registered = CLASS_OF_MODEL_TYPE.get(type);
  // a vocab.txt is BERT's, whatever model it stands beside
  const words = !json && files['vocab.txt'] !== undefined && files['vocab.json'] === undefined;
  let name = given;
  if (given === undefined) {
    const fits = registered !== undefined && (!words || TOKENIZER_CLASSES[registered]?.model === 'WordPiece');
    name = fits ? registered : json ? GENERIC : words ? 'BertTokenizer' : undefined;
  } else if (WRONG_CLASS_ON_HUB.has(type)) name = registered ?? GENERIC;
  else if (GENERIC_MODEL_TYPES.has(type)) name = GENERIC;
  if (name === undefined) {
    throw new ConfigError({
      where: 'preprocess.tokenizer',
      expected:
        'tokenizer_class in tokenizer_config.json, or model_type in config.json, beside vocab.json and merges.txt',
      got: 'neither',
    });
  }
  // LlamaTokenizer would build SentencePiece's steps, which a byte-level vocabulary does not fit
  if (name === 'LlamaTokenizer' && JSON.stringify([json?.pre_tokenizer, json?.decoder]).includes('"ByteLevel"'))
    return GENERIC;
  if (name in TOKENIZER_CLASSES) return name;
  if (CLASSES_NOT_SUPPORTED.has(name) || !json) {
    throw new ConfigError({
      where: 'preprocess.tokenizer',
      expected: `tokenizer_class ${Object.keys(TOKENIZER_CLASSES).join(', ')}, or ${GENERIC} with a tokenizer.json`,
      got: name,
      remedy: `save it with transformers: ${GENERIC}(tokenizer_object=tokenizer.backend_tokenizer).save_pretrained(folder)`,
    });
  }
  return name === 'SiglipTokenizer' ? name : GENERIC;
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

/** The post-processor: the class's, else the file's, else beginning and end where the settings ask for them. */
function frame(
  rules: TokenizerClass | undefined,
  special: SpecialLookup,
  settings: JsonObject,
  json: JsonObject | undefined,
): Json {
  const own = rules?.frame?.(special);
  if (own !== undefined && own !== 'ends') return own;
  const file = json?.post_processor ?? null;
  const asked = settings.add_bos_token !== undefined || settings.add_eos_token !== undefined;
  if (own !== 'ends' && file !== null && !asked) return file;
  const piece = ([content]: readonly [string, number], type: number) => ({
    SpecialToken: { id: content, type_id: type },
  });
  const bos = settings.add_bos_token === true ? special('bos_token') : null;
  const eos = settings.add_eos_token === true ? special('eos_token') : null;
  const around = (id: string, type: number) => [
    ...(bos ? [piece(bos, type)] : []),
    { Sequence: { id, type_id: type } },
    ...(eos ? [piece(eos, type)] : []),
  ];
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      [bos, eos].flatMap((one) => (one ? [[one[0], { id: one[0], ids: [one[1]], tokens: [one[0]] }]] : [])),
    ),
  };
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
