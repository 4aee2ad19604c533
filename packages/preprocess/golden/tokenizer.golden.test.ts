import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tokenizer } from '@diptych/preprocess/text';
import { describe, expect, it } from 'vitest';
import { readFamily, repositoryGolden } from './golden-folder.js';

interface Cases {
  vocab_sha256: string;
  cases: { name: string; text: string; length: number; input_ids: number[]; input_ids_16: number[] }[];
  batches_padding_longest: { names: string[]; input_ids: number[][]; attention_mask: number[][] }[];
}

const { vocab_sha256, cases, batches_padding_longest } = readFamily<Cases>('tokenizer', 'cases.json');
const vocabulary = join(repositoryGolden, 'tokenizer', 'vocab.txt');
const bert = tokenizer(vocabulary);

/** The same tokenizer, written as transformers saves it. */
const fromJson = tokenizer({
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(
      readFileSync(vocabulary, 'utf8')
        .trimEnd()
        .split('\n')
        .map((token, id) => [token, id]),
    ),
  },
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', sep: ['[SEP]', 102], cls: ['[CLS]', 101] },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map((content, i) => ({
    id: [0, 100, 101, 102, 103][i]!,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
});

it('has the vocabulary that the cases were made with', () => {
  expect(createHash('sha256').update(readFileSync(vocabulary)).digest('hex')).toBe(vocab_sha256);
  expect(cases.length).toBeGreaterThan(0);
  expect(batches_padding_longest.length).toBeGreaterThan(0);
});

describe.each([
  ['vocab.txt', bert],
  ['tokenizer.json', fromJson],
])('ids from %s', (_, tokenize) => {
  it.each(cases)('$name', ({ text, length, input_ids, input_ids_16 }) => {
    const full = tokenize.encode([text], { padding: 'max_length', maxLength: 512 });
    expect(full.shape).toEqual([1, 512]);
    expect(Array.from(full.inputIds.subarray(0, length))).toEqual(input_ids);
    expect(full.inputIds.subarray(length).every((id) => id === 0)).toBe(true);
    expect(full.attentionMask.every((mask, i) => mask === (i < length ? 1 : 0))).toBe(true);
    expect(full.tokenTypeIds!.every((type) => type === 0)).toBe(true);
    expect(Array.from(tokenize.encode([text], { padding: false, maxLength: 16 }).inputIds[0]!)).toEqual(input_ids_16);
  });

  it.each(batches_padding_longest)('a batch of $names', ({ names, input_ids, attention_mask }) => {
    const texts = names.map((name) => cases.find((one) => one.name === name)!.text);
    const batch = tokenize.encode(texts, { padding: 'longest' });
    expect(batch.shape).toEqual([names.length, input_ids[0]!.length]);
    expect(Array.from(batch.inputIds)).toEqual(input_ids.flat());
    expect(Array.from(batch.attentionMask)).toEqual(attention_mask.flat());
  });
});
