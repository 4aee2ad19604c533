import { ConfigError, InputError, type Json, type JsonObject } from '@diptych/core';
import { isObject } from '../definition.js';
import { Bpe } from './bpe.js';
import { Unigram } from './unigram.js';
import { WordLevel } from './word-level.js';
import type { WordModel } from './word-model.js';
import { WordPieces } from './word-pieces.js';

/**
 * The `model` of a `tokenizer.json`.
 *
 * @throws ConfigError for a kind that is not known, or what it needs missing
 * @throws InputError for a vocabulary that contradicts itself
 */
export function modelFromJson(model: Json | undefined): WordModel {
  if (!isObject(model)) throw unknown(model);
  const type = modelType(model);
  if (type === 'Unigram') {
    const entries = model.vocab as [string, number][];
    if (!Array.isArray(entries)) throw unknown('a Unigram model without a list of tokens and scores');
    return new Unigram(
      entries,
      typeof model.unk_id === 'number' ? model.unk_id : undefined,
      model.byte_fallback === true,
    );
  }
  const vocabulary = vocabularyOf(model.vocab);
  const unkToken = typeof model.unk_token === 'string' ? model.unk_token : undefined;
  if (type === 'WordLevel') return new WordLevel(vocabulary, unkToken);
  if (type === 'WordPiece') return new WordPieces(vocabulary, wordPieceOptions(model));
  if (type !== 'BPE') throw unknown(type);
  return new Bpe(vocabulary, mergesOf(model.merges), {
    ...(unkToken !== undefined && { unkToken }),
    continuingSubwordPrefix: text(model.continuing_subword_prefix),
    endOfWordSuffix: text(model.end_of_word_suffix),
    fuseUnk: model.fuse_unk === true,
    byteFallback: model.byte_fallback === true,
    ignoreMerges: model.ignore_merges === true,
  });
}

/** The kind of a model; files before 2020 leave it out. */
export function modelType(model: JsonObject): string | undefined {
  if (typeof model.type === 'string') return model.type;
  if (Array.isArray(model.vocab)) return 'Unigram';
  if (Array.isArray(model.merges)) return 'BPE';
  if (!isObject(model.vocab)) return undefined;
  return model.max_input_chars_per_word !== undefined ? 'WordPiece' : 'WordLevel';
}

/** Settings of a WordPiece model. */
export function wordPieceOptions(model: JsonObject) {
  return {
    unkToken: typeof model.unk_token === 'string' ? model.unk_token : '[UNK]',
    continuingSubwordPrefix:
      typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '##',
    maxInputCharsPerWord: typeof model.max_input_chars_per_word === 'number' ? model.max_input_chars_per_word : 100,
  };
}

/**
 * A vocabulary of tokens and ids.
 *
 * @throws InputError for ids that are no whole numbers from 0
 */
function vocabularyOf(vocab: Json | undefined): ReadonlyMap<string, number> {
  const vocabulary = new Map<string, number>();
  if (!isObject(vocab)) throw unknown('a model without a vocabulary');
  for (const [token, id] of Object.entries(vocab)) {
    if (!Number.isInteger(id) || (id as number) < 0) {
      throw new InputError({
        where: 'tokenizer.json: model.vocab',
        expected: 'ids that are whole numbers from 0',
        got: `${JSON.stringify(token)}: ${JSON.stringify(id)}`,
      });
    }
    vocabulary.set(token, id as number);
  }
  return vocabulary;
}

/** Merges in both forms: "a b", and since 2024 ["a", "b"]. */
function mergesOf(merges: Json | undefined): (readonly [string, string])[] {
  return (Array.isArray(merges) ? merges : []).map((merge, rank) => {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge;
    if (Array.isArray(pair) && pair.length === 2 && pair.every((token) => typeof token === 'string')) {
      return pair as [string, string];
    }
    throw new InputError({
      where: 'tokenizer.json: model.merges',
      expected: 'pairs of tokens',
      got: `merge ${rank}, ${JSON.stringify(merge)}`,
    });
  });
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function unknown(got: Json | undefined): ConfigError {
  return new ConfigError({
    where: 'tokenizer.json: expected a tokenizer of the hub, model',
    expected: 'BPE, Unigram, WordPiece or WordLevel',
    got: typeof got === 'string' ? got : (JSON.stringify(got)?.slice(0, 80) ?? 'none'),
  });
}
