import { readFileSync } from 'node:fs';
import type { JsonObject } from '@diptych/core';
import { isDiptychError } from '@diptych/core';
import { fromTransformers, type TransformersTokenizer, tokenizer } from '@diptych/preprocess/text';
import { beforeAll, describe, expect, it } from 'vitest';

type TokenizerClass = new (json: JsonObject, config: JsonObject) => TransformersTokenizer;

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`./__fixtures__/${name}`, import.meta.url), 'utf8')) as JsonObject;

/** A small vocabulary in the form that transformers saves for BERT. */
const words = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  'a',
  'b',
  'red',
  'heart',
  'on',
  '##s',
  'white',
  'table',
  '.',
];
const bertJson: JsonObject = {
  version: '1.0',
  truncation: null,
  padding: null,
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(words.map((word, id) => [word, id])),
  },
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
    ],
    pair: [
      { SpecialToken: { id: '[CLS]', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '[SEP]', type_id: 0 } },
      { Sequence: { id: 'B', type_id: 1 } },
      { SpecialToken: { id: '[SEP]', type_id: 1 } },
    ],
    special_tokens: {
      '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
      '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
    },
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  added_tokens: words.slice(0, 5).map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
};
const bertConfig: JsonObject = { tokenizer_class: 'BertTokenizer', model_max_length: 32, pad_token: '[PAD]' };

const robertaConfig: JsonObject = {
  ...read('roberta.tokenizer_config.json'),
  bos_token: '<s>',
  eos_token: '</s>',
  model_max_length: 32,
};

describe.each(['@huggingface/transformers', '@xenova/transformers'])('tokenizers of %s', (library) => {
  let classes: { BertTokenizer: TokenizerClass; RobertaTokenizer: TokenizerClass };
  beforeAll(async () => {
    classes = (await import(library)) as typeof classes;
  });

  const texts = ['A red heart.', '', 'hearts on a white table', 'zzz', 'a '.repeat(60)];
  const pairs: [string, string][] = [
    ['a red heart', 'on a table'],
    ['a '.repeat(60), 'b '.repeat(7)],
    ['b '.repeat(41), 'a '.repeat(60)],
  ];

  it('gives the batches of our own BERT', () => {
    const adapted = fromTransformers(new classes.BertTokenizer(bertJson, bertConfig));
    const own = tokenizer(bertJson, { maxLength: 32 });
    expect(adapted.maxLength).toBe(32);
    expect(adapted.padTokenId).toBe(0);
    expect(adapted.vocabSize).toBe(words.length);
    for (const options of [{}, { padding: 'max_length' as const }, { maxLength: 7 }, { padToMultipleOf: 16 }]) {
      expect(adapted.encode(texts, options)).toEqual(own.encode(texts, options));
      expect(adapted.encode(pairs, options)).toEqual(own.encode(pairs, options));
    }
    expect(adapted.decode([2, 7, 8, 10, 3])).toBe(own.decode([2, 7, 8, 10, 3]));
    expect(adapted.tokenToId('heart')).toBe(8);
    expect(adapted.idToToken(8)).toBe('heart');
  });

  it('gives the batches of our own RoBERTa', () => {
    const json = withMergesAsText(read('roberta.tokenizer.json'));
    const adapted = fromTransformers(new classes.RobertaTokenizer(json, robertaConfig));
    const own = tokenizer(json, { maxLength: 32 });
    expect(adapted.encode(texts, { padding: false }).inputIds).toEqual(own.encode(texts, { padding: false }).inputIds);
    expect(adapted.encode(pairs, { padding: false }).inputIds).toEqual(own.encode(pairs, { padding: false }).inputIds);
    expect(adapted.padTokenId).toBe(own.padTokenId);
  });

  it('refuses what it cannot do', () => {
    const adapted = fromTransformers(new classes.BertTokenizer(bertJson, bertConfig));
    expect(() => adapted.describe()).toThrow(/cannot be seen.*tokenizer\(folder\)/);
    expect(() => adapted.files()).toThrow(/cannot be seen/);
    expect(() => adapted.encode(['x'.repeat(2 ** 18 + 1)])).toThrow(/at most 262144 characters/);
  });
});

it('refuses objects of another shape', () => {
  const refuse = (value: unknown) => {
    try {
      fromTransformers(value as TransformersTokenizer);
      return undefined;
    } catch (error) {
      return isDiptychError(error) ? error.code : error;
    }
  };
  expect(refuse({ encode: () => [] })).toBe('config');
  expect(refuse(undefined)).toBe('config');
});

/** Merges as 'a b', the form of files that the older library reads. */
function withMergesAsText(json: JsonObject): JsonObject {
  const model = json.model as { merges: [string, string][] } & JsonObject;
  return { ...json, model: { ...model, merges: model.merges.map((merge) => merge.join(' ')) } };
}
