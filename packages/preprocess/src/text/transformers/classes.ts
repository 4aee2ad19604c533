import type { Json, JsonObject } from '@diptych/core';
import { isObject } from '../definition.js';

/** Names of special tokens that every class knows, in transformers' order. */
export const SPECIAL_NAMES = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
] as const;

/** A special token's text and id, by its name; null where there is none. */
export type SpecialLookup = (name: string) => readonly [content: string, id: number] | null;

/**
 * A tokenizer class of transformers 5 that builds its steps anew from a vocabulary and `tokenizer_config.json`, whatever steps
 * a `tokenizer.json` has (`models/<name>/tokenization_<name>.py`).
 */
export interface TokenizerClass {
  readonly model: 'WordPiece' | 'BPE' | 'Unigram';
  /** Special tokens that files need not name. */
  readonly special: JsonObject;
  /** Whether batches carry `token_type_ids`. Default false. */
  readonly segments?: boolean;
  readonly paddingSide?: 'left';
  readonly maxLength?: number;
  /** Further special tokens. @param extra those that files name */
  readonly extra?: (settings: JsonObject, extra: readonly Json[] | undefined) => readonly Json[] | undefined;
  /** The model's options beside its vocabulary. */
  readonly options: (settings: JsonObject, special: (name: string) => string, vocabulary: Json) => JsonObject;
  /** Normalizer, pre-tokenizer and decoder. @param charsmap SentencePiece's table, where the file has one */
  readonly steps: (settings: JsonObject, charsmap: Json | undefined) => JsonObject;
  /** The post-processor. Default: the file's, else [bos] and [eos] where `add_bos_token` and `add_eos_token` ask for them. */
  readonly frame?: (
    special: SpecialLookup,
    settings: JsonObject,
    idOf: (token: string) => number | undefined,
  ) => JsonObject | 'ends';
  /** The vocabulary of a SentencePiece model's pieces, where it is another list (`convert_from_spm`). */
  readonly fromPieces?: (pieces: readonly ScoredPiece[], settings: JsonObject) => ScoredPiece[];
}

/** A piece of a SentencePiece model and its score. */
export type ScoredPiece = [text: string, score: number];

const flagged = (content: string, flags: JsonObject): JsonObject => ({ content, ...flags });

/** A template of one text and a pair: `_` stands for a text, `sep:1` for a special token of segment 1. */
function template(special: SpecialLookup, single: string, pair: string): JsonObject {
  const used: { [content: string]: JsonObject } = {};
  const pieces = (form: string): JsonObject[] => {
    let texts = 0;
    return form.split(' ').map((part) => {
      const [name, type = '0'] = part.split(':') as [string, string?];
      if (name === '_') return { Sequence: { id: texts++ === 0 ? 'A' : 'B', type_id: Number(type) } };
      const [content, id] = special(`${name}_token`) ?? [`no ${name}_token`, 0];
      used[content] = { id: content, ids: [id], tokens: [content] };
      return { SpecialToken: { id: content, type_id: Number(type) } };
    });
  };
  return { type: 'TemplateProcessing', single: pieces(single), pair: pieces(pair), special_tokens: used };
}

/** Tokens with no score: special ones, which are no pieces. */
const unscored = (...tokens: string[]): ScoredPiece[] => tokens.map((token) => [token, 0]);

/** The name that settings give a special token. */
function nameOf(settings: JsonObject, key: string, otherwise: string): string {
  const given = settings[key];
  return isObject(given) ? String(given.content) : typeof given === 'string' ? given : otherwise;
}

/** fairseq's first four tokens in place of SentencePiece's first three. */
function fairseqPieces(pieces: readonly ScoredPiece[], settings: JsonObject, first = 'bos_token'): ScoredPiece[] {
  const names = [nameOf(settings, first, '<s>'), nameOf(settings, 'pad_token', '<pad>')];
  names.push(nameOf(settings, 'eos_token', '</s>'), nameOf(settings, 'unk_token', '<unk>'));
  return [...unscored(...names), ...pieces.slice(3)];
}

const bertFrame = (special: SpecialLookup) => template(special, 'cls _ sep', 'cls _ sep _:1 sep:1');
const roberta = (sep: string, cls: string) => (special: SpecialLookup) =>
  template(special, `${cls} _ ${sep}`, `${cls} _ ${sep} ${sep} _ ${sep}`);

function bertSteps(settings: JsonObject): JsonObject {
  return {
    normalizer: {
      type: 'BertNormalizer',
      clean_text: settings.clean_text !== false,
      handle_chinese_chars: settings.tokenize_chinese_chars !== false,
      strip_accents: typeof settings.strip_accents === 'boolean' ? settings.strip_accents : null,
      lowercase: settings.do_lower_case !== false,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  };
}

const wordPiece = (_: JsonObject, special: (name: string) => string): JsonObject => ({
  unk_token: special('unk_token'),
});

function byteSteps(settings: JsonObject): JsonObject {
  return {
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: settings.add_prefix_space === true },
    decoder: { type: 'ByteLevel' },
  };
}

/** SentencePiece's words, each begun by ▁. */
function sentencePieceSteps(scheme: string, normalizers: readonly Json[], splitsAtSpace = true): JsonObject {
  const metaspace = { type: 'Metaspace', replacement: '\u2581', prepend_scheme: scheme, split: true };
  return {
    normalizer: normalizers.length === 0 ? null : { type: 'Sequence', normalizers: [...normalizers] },
    pre_tokenizer: splitsAtSpace
      ? { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] }
      : metaspace,
    decoder: metaspace,
  };
}

const table = (charsmap: Json | undefined): Json[] =>
  charsmap === undefined ? [] : [{ type: 'Precompiled', precompiled_charsmap: charsmap }];
const prefixScheme = (settings: JsonObject, without: string) =>
  settings.add_prefix_space === false ? without : 'always';

const gemmaSteps = (lowercase: boolean) => (): JsonObject => ({
  normalizer: {
    type: 'Sequence',
    normalizers: [
      ...(lowercase ? [{ type: 'Lowercase' }] : []),
      { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' },
    ],
  },
  pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '\u2581' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
    ],
  },
});
const gemmaOptions = (_: JsonObject, special: (name: string) => string): JsonObject => ({
  unk_token: special('unk_token'),
  fuse_unk: true,
  byte_fallback: true,
});
const gemmaSpecial = {
  unk_token: '<unk>',
  bos_token: '<bos>',
  eos_token: '<eos>',
  pad_token: '<pad>',
  mask_token: '<mask>',
};

/** Place of the unknown token with the score 0, as two classes look for it. */
function unknownPlace(vocabulary: Json, token: string, otherwise: number): number {
  const place = Array.isArray(vocabulary)
    ? vocabulary.findIndex((entry) => Array.isArray(entry) && entry[0] === token && entry[1] === 0)
    : -1;
  return place >= 0 ? place : otherwise;
}

const BERT: TokenizerClass = {
  model: 'WordPiece',
  segments: true,
  special: { unk_token: '[UNK]', sep_token: '[SEP]', pad_token: '[PAD]', cls_token: '[CLS]', mask_token: '[MASK]' },
  options: wordPiece,
  steps: bertSteps,
  frame: bertFrame,
};

const FAIRSEQ = {
  bos_token: '<s>',
  eos_token: '</s>',
  sep_token: '</s>',
  cls_token: '<s>',
  unk_token: '<unk>',
  pad_token: '<pad>',
  mask_token: '<mask>',
};

const ROBERTA: TokenizerClass = {
  model: 'BPE',
  special: FAIRSEQ,
  options: () => ({}),
  steps: byteSteps,
  frame: roberta('sep', 'cls'),
};

const MBART_LANGUAGES =
  'ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV my_MM ne_NP nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN'.split(
    ' ',
  );
const MBART50_LANGUAGES = [
  ...MBART_LANGUAGES,
  ...'af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN mn_MN mr_IN pl_PL ps_AF pt_XX sv_SE sw_KE ta_IN te_IN th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI'.split(
    ' ',
  ),
];

/** Special tokens with the code of the text's language (`src_lang`) under the name `language`. */
function withLanguage(
  special: SpecialLookup,
  { src_lang: given }: JsonObject,
  idOf: (token: string) => number | undefined,
) {
  const code = typeof given === 'string' ? given : 'en_XX';
  const id = idOf(code);
  const all: SpecialLookup = (name) => {
    if (name !== 'language_token') return special(name);
    return id === undefined ? special('unk_token') : [code, id];
  };
  return { all, language: 'language' };
}

const GPT2_SPECIAL = { unk_token: '<|endoftext|>', bos_token: '<|endoftext|>', eos_token: '<|endoftext|>' };

const CLIP_WORDS =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
const QWEN2_WORDS =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** The classes by name, without `Fast`. */
export const TOKENIZER_CLASSES: { readonly [name: string]: TokenizerClass } = {
  BertTokenizer: BERT,
  DistilBertTokenizer: { ...BERT, segments: false },
  ElectraTokenizer: BERT,
  MobileBertTokenizer: BERT,
  LayoutLMTokenizer: BERT,
  LxmertTokenizer: BERT,
  SqueezeBertTokenizer: BERT,
  DPRQuestionEncoderTokenizer: BERT,
  DPRContextEncoderTokenizer: BERT,
  FunnelTokenizer: {
    ...BERT,
    segments: false,
    special: {
      unk_token: '<unk>',
      sep_token: '<sep>',
      pad_token: '<pad>',
      cls_token: '<cls>',
      mask_token: '<mask>',
      bos_token: '<s>',
      eos_token: '</s>',
    },
    frame: (special) => template(special, 'cls:2 _ sep', 'cls:2 _ sep _:1 sep:1'),
  },
  MPNetTokenizer: {
    ...BERT,
    segments: false,
    special: { ...FAIRSEQ, unk_token: '[UNK]', mask_token: flagged('<mask>', { lstrip: true }) },
    frame: roberta('sep', 'cls'),
  },
  RobertaTokenizer: ROBERTA,
  LongformerTokenizer: ROBERTA,
  BartTokenizer: ROBERTA,
  LEDTokenizer: ROBERTA,
  MvpTokenizer: ROBERTA,
  GPT2Tokenizer: { model: 'BPE', special: GPT2_SPECIAL, options: () => ({}), steps: byteSteps },
  CLIPTokenizer: {
    model: 'BPE',
    special: {
      unk_token: '<|endoftext|>',
      bos_token: '<|startoftext|>',
      eos_token: '<|endoftext|>',
      pad_token: '<|endoftext|>',
    },
    options: (_, special) => ({ unk_token: special('unk_token'), end_of_word_suffix: '</w>' }),
    steps: () => ({
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'NFC' },
          { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
          { type: 'Lowercase' },
        ],
      },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: CLIP_WORDS }, behavior: 'Removed', invert: true },
          // the class leaves GPT-2's own words on
          { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
        ],
      },
      decoder: { type: 'ByteLevel' },
    }),
    frame: roberta('eos', 'bos'),
  },
  DebertaTokenizer: {
    model: 'BPE',
    segments: true,
    special: { ...BERT.special, bos_token: '[CLS]', eos_token: '[SEP]' },
    options: () => ({}),
    steps: byteSteps,
    frame: roberta('sep', 'cls'),
  },
  Qwen2Tokenizer: {
    model: 'BPE',
    special: { unk_token: '<|endoftext|>', eos_token: '<|endoftext|>', pad_token: '<|endoftext|>' },
    options: () => ({}),
    steps: (settings) => ({
      normalizer: { type: 'NFC' },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: QWEN2_WORDS }, behavior: 'Isolated', invert: false },
          { type: 'ByteLevel', add_prefix_space: settings.add_prefix_space === true, use_regex: false },
        ],
      },
      decoder: { type: 'ByteLevel' },
    }),
  },
  GPTNeoXTokenizer: {
    model: 'BPE',
    special: { ...GPT2_SPECIAL, pad_token: '<|padding|>' },
    options: () => ({}),
    steps: (settings) => ({ normalizer: { type: 'NFC' }, ...byteSteps(settings) }),
    frame: () => 'ends',
  },
  LlamaTokenizer: {
    model: 'BPE',
    paddingSide: 'left',
    special: { unk_token: '<unk>', bos_token: '<s>', eos_token: '</s>' },
    options: () => ({ fuse_unk: true, byte_fallback: true }),
    steps: (settings) => {
      const prefix = settings.add_prefix_space !== false;
      const scheme = !prefix ? 'never' : settings.legacy === true ? 'always' : 'first';
      const { decoder } = gemmaSteps(false)() as { decoder: { type: string; decoders: JsonObject[] } };
      return {
        pre_tokenizer: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: scheme, split: false },
        decoder: {
          ...decoder,
          decoders: [...decoder.decoders, ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [])],
        },
      };
    },
  },
  GemmaTokenizer: {
    model: 'BPE',
    paddingSide: 'left',
    special: gemmaSpecial,
    options: gemmaOptions,
    steps: gemmaSteps(false),
  },
  Siglip2Tokenizer: {
    model: 'BPE',
    paddingSide: 'left',
    special: gemmaSpecial,
    options: gemmaOptions,
    steps: gemmaSteps(true),
  },
  T5Tokenizer: {
    model: 'Unigram',
    special: { eos_token: '</s>', unk_token: '<unk>', pad_token: '<pad>' },
    extra: ({ extra_ids: count }, extra) => {
      const named = extra?.some((token) => String(isObject(token) ? token.content : token).includes('<extra_id_'));
      const ids = Array.from({ length: typeof count === 'number' ? count : 100 }, (_, i) => `<extra_id_${i}>`);
      return named ? extra : [...(extra ?? []), ...ids];
    },
    options: () => ({ unk_id: 2 }),
    fromPieces: (pieces, { extra_ids: count }) => {
      const size = typeof count === 'number' ? count : 100;
      return [...pieces, ...unscored(...Array.from({ length: size }, (_, i) => `<extra_id_${size - 1 - i}>`))];
    },
    steps: (_, charsmap) => sentencePieceSteps('always', table(charsmap)),
    frame: (special) =>
      template((name) => (special(name) ? ['</s>', special(name)![1]] : null), '_ eos', '_ eos _ eos'),
  },
  XLMRobertaTokenizer: {
    model: 'Unigram',
    special: FAIRSEQ,
    options: () => ({ unk_id: 3 }),
    fromPieces: (pieces, settings) => [
      ...fairseqPieces(pieces, settings),
      ...unscored(nameOf(settings, 'mask_token', '<mask>')),
    ],
    steps: (settings, charsmap) => sentencePieceSteps(prefixScheme(settings, 'never'), table(charsmap)),
    frame: roberta('eos', 'bos'),
  },
  MBartTokenizer: {
    model: 'Unigram',
    special: { ...FAIRSEQ, mask_token: flagged('<mask>', { lstrip: true }) },
    extra: (_, extra = []) => [
      ...MBART_LANGUAGES,
      ...extra.filter((token) => !MBART_LANGUAGES.includes(String(isObject(token) ? token.content : token))),
    ],
    options: () => ({ unk_id: 3 }),
    fromPieces: (pieces, settings) => [
      ...fairseqPieces(pieces, settings),
      ...unscored(...MBART_LANGUAGES, nameOf(settings, 'mask_token', '<mask>')),
    ],
    steps: () => sentencePieceSteps('always', []),
    frame: (special, settings, idOf) => {
      const { all, language } = withLanguage(special, settings, idOf);
      return template(all, `_ eos ${language}`, `_ _ eos ${language}`);
    },
  },
  MBart50Tokenizer: {
    model: 'Unigram',
    special: { ...FAIRSEQ, bos_token: null, mask_token: flagged('<mask>', { lstrip: true }) },
    extra: (_, extra = []) => [...extra, ...MBART50_LANGUAGES],
    options: () => ({ unk_id: 3 }),
    fromPieces: (pieces, settings) => [
      ...fairseqPieces(pieces, settings, 'cls_token'),
      ...unscored(...MBART50_LANGUAGES, nameOf(settings, 'mask_token', '<mask>')),
    ],
    steps: (_, charsmap) =>
      sentencePieceSteps(
        'always',
        [...table(charsmap), { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' }],
        false,
      ),
    frame: (special, settings, idOf) => {
      const { all, language } = withLanguage(special, settings, idOf);
      return template(all, `${language} _ eos`, `${language} _ _ eos`);
    },
  },
  CamembertTokenizer: {
    model: 'Unigram',
    special: { ...FAIRSEQ, mask_token: flagged('<mask>', { lstrip: true, special: true }) },
    extra: (_, extra) => extra ?? ['<s>NOTUSED', '</s>NOTUSED', '<unk>NOTUSED'],
    fromPieces: (pieces, settings) => [
      ...unscored('<s>NOTUSED', nameOf(settings, 'pad_token', '<pad>')),
      ...unscored('</s>NOTUSED', nameOf(settings, 'unk_token', '<unk>')),
      ['<unk>NOTUSED', -100],
      ...pieces.slice(1),
      ...unscored(nameOf(settings, 'mask_token', '<mask>')),
    ],
    options: (_, special, vocabulary) => {
      const place = (vocabulary as [string, number][]).findIndex(([token]) => token === special('unk_token'));
      return { unk_id: Math.max(0, place) };
    },
    steps: (settings, charsmap) => sentencePieceSteps(prefixScheme(settings, 'never'), table(charsmap)),
    frame: roberta('eos', 'bos'),
  },
  AlbertTokenizer: {
    model: 'Unigram',
    special: {
      bos_token: '[CLS]',
      eos_token: '[SEP]',
      unk_token: '<unk>',
      sep_token: '[SEP]',
      pad_token: '<pad>',
      cls_token: '[CLS]',
      mask_token: '[MASK]',
    },
    options: () => ({ unk_id: 1 }),
    steps: (settings, charsmap) =>
      sentencePieceSteps(prefixScheme(settings, 'never'), [
        { type: 'Replace', pattern: { String: '``' }, content: '"' },
        { type: 'Replace', pattern: { String: "''" }, content: '"' },
        ...(settings.keep_accents === true ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
        ...(settings.do_lower_case === false ? [] : [{ type: 'Lowercase' }]),
        ...table(charsmap),
      ]),
    frame: bertFrame,
  },
  DebertaV2Tokenizer: {
    model: 'Unigram',
    segments: true,
    special: { ...BERT.special, bos_token: '[CLS]', eos_token: '[SEP]' },
    options: ({ unk_id: id }, special, vocabulary) => ({
      unk_id: unknownPlace(vocabulary, special('unk_token'), typeof id === 'number' ? id : 1),
    }),
    steps: (settings) => {
      const steps = sentencePieceSteps(
        prefixScheme(settings, 'first'),
        [
          ...(settings.do_lower_case === true ? [{ type: 'Lowercase' }] : []),
          { type: 'Replace', pattern: { Regex: '\\s{2,}|[\\n\\r\\t]' }, content: ' ' },
          { type: 'NFC' },
          { type: 'Strip', strip_left: false, strip_right: true },
        ],
        false,
      );
      const punctuation = settings.split_by_punct === true ? [{ type: 'Punctuation', behavior: 'Isolated' }] : [];
      return { ...steps, pre_tokenizer: { type: 'Sequence', pretokenizers: [...punctuation, steps.pre_tokenizer!] } };
    },
    frame: bertFrame,
  },
  BigBirdTokenizer: {
    model: 'Unigram',
    special: {
      unk_token: '<unk>',
      bos_token: '<s>',
      eos_token: '</s>',
      pad_token: '<pad>',
      sep_token: '[SEP]',
      mask_token: flagged('[MASK]', { lstrip: true }),
      cls_token: '[CLS]',
    },
    options: (_, special, vocabulary) => ({ unk_id: unknownPlace(vocabulary, special('unk_token'), 100) }),
    steps: (settings) =>
      sentencePieceSteps(
        prefixScheme(settings, 'never'),
        [{ type: 'Replace', pattern: { Regex: ' {2,}' }, content: '\u2581' }],
        false,
      ),
    frame: bertFrame,
  },
};
