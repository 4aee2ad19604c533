import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { JsonObject } from '@diptych/core';
import { type TextRow, type TextTokenizer, tokenizer } from '@diptych/preprocess/text';
import { describe, expect, it } from 'vitest';

/** Ids of transformers' fast tokenizers; made by reference/gen_preprocess_fixtures.py. */
interface Expected {
  texts: string[];
  pairs: [string, string][];
  ids: number[][];
  ids_8: number[][];
  pair_ids: number[][];
  pair_ids_20: number[][];
  pair_ids_21: number[][];
  pair_types_21: number[][];
  decoded: string[];
}

const read = (name: string) => readFileSync(new URL(`./__fixtures__/${name}`, import.meta.url), 'utf8');
const expected = JSON.parse(read('tokens.json')) as Record<string, Expected>;
const vocabulary = fileURLToPath(new URL('../../../golden/tokenizer/vocab.txt', import.meta.url));

const tokenizers: Record<string, TextTokenizer> = {
  bert: tokenizer(vocabulary),
  bert_cased: tokenizer(vocabulary, { lowercase: false }),
  roberta: tokenizer(JSON.parse(read('roberta.tokenizer.json')) as JsonObject),
  clip: tokenizer(JSON.parse(read('clip.tokenizer.json')) as JsonObject, { maxLength: 77 }),
  unigram: tokenizer(JSON.parse(read('unigram.tokenizer.json')) as JsonObject),
};

describe.each(Object.keys(expected))('%s equals transformers', (name) => {
  const subject = tokenizers[name]!;
  const { texts, pairs, ids, ids_8, pair_ids, pair_ids_20, pair_ids_21, pair_types_21, decoded } = expected[name]!;
  const rows = (input: readonly TextRow[], maxLength?: number) =>
    subject.encode(input, { padding: false, maxLength }).inputIds.map((row) => Array.from(row));

  it.each(texts.map((text, i) => [text, i] as const))('%j', (text, i) => {
    expect(rows([text], 512)).toEqual([ids[i]]);
    expect(rows([text], 8)).toEqual([ids_8[i]]);
  });

  it('pairs', () => {
    expect(rows(pairs, 512)).toEqual(pair_ids);
    expect(rows(pairs, 20)).toEqual(pair_ids_20);
    expect(rows(pairs, 21)).toEqual(pair_ids_21);
  });

  it('segments of pairs', () => {
    const { tokenTypeIds, shape } = subject.encode(pairs, { maxLength: 21 });
    const types = pair_types_21.map((row) => [...row, ...new Array<number>(shape[1] - row.length).fill(0)]);
    if (tokenTypeIds) expect(Array.from(tokenTypeIds)).toEqual(types.flat());
    else expect(types.flat().every((type) => type === 0)).toBe(true);
  });

  it('decodes', () => {
    expect(ids.map((row) => subject.decode(row))).toEqual(decoded);
  });
});
