import { ConfigError, type Json, type JsonObject } from '@diptych/core';
import { escapeRegExp } from '../pipeline/unicode.js';
import { type ScoredPiece, TOKENIZER_CLASSES, type TokenizerClass } from './classes.js';
import { PIECE_TYPES, type SentencePieceModel } from './sentencepiece-model.js';

/** What transformers takes out of a SentencePiece model for one of its classes. */
export interface FromSentencePiece {
  /** Vocabulary and merges, and the table of normalizations, laid out as a `tokenizer.json`; without a class its steps too. */
  readonly json: JsonObject;
  /** Settings that go before those of the files. */
  readonly settings: JsonObject;
  /** Settings that count where files have none. */
  readonly defaults: JsonObject;
  /** Added tokens are looked for in the text as it is, so that each stretch between them gets its own prefix. */
  readonly addedAreRaw: boolean;
}

/**
 * Reads a SentencePiece model for a class of transformers (5.24: `SentencePieceExtractor`, `convert_from_spm` of the class's
 * converter, and without a class of its own `SpmConverter.build_tokenizer_from_spm_proto`).
 *
 * @param settings of `tokenizer_config.json`
 * @param added added tokens by the numbers that files give them
 * @throws ConfigError for a model of words or characters, which transformers has no steps for
 */
export function fromSentencePiece(
  model: SentencePieceModel,
  className: string,
  settings: JsonObject,
  added: ReadonlyMap<number, string>,
  where: string,
): FromSentencePiece {
  if (model.algorithm !== 'unigram' && model.algorithm !== 'bpe') {
    throw new ConfigError({
      where,
      expected: 'a SentencePiece model of unigrams or BPE',
      got: `one of ${model.algorithm === 'word' ? 'words' : 'characters'}`,
    });
  }
  if (className === 'SiglipTokenizer') return siglip(model, settings);
  const rules = TOKENIZER_CLASSES[className];
  return rules ? forClass(model, rules, settings) : generic(model, settings, added);
}

function forClass(
  model: SentencePieceModel,
  { model: type, fromPieces }: TokenizerClass,
  settings: JsonObject,
): FromSentencePiece {
  const scored = model.pieces.map(({ text, score }) => [text, score] as ScoredPiece);
  const json: JsonObject = {
    normalizer: model.charsmap === undefined ? null : { type: 'Precompiled', precompiled_charsmap: model.charsmap },
    model:
      type === 'BPE'
        ? { type, ...bpeOf(scored.map(([text]) => text)) }
        : { type, vocab: (fromPieces?.(scored, settings) ?? scored) as Json, unk_id: model.unkId },
  };
  return {
    json,
    settings: { additional_special_tokens: specialPieces(model, true), unk_id: model.unkId },
    defaults: {},
    addedAreRaw: false,
  };
}

/** Control pieces are special; pieces that the maker defined are added as plain tokens. */
function specialPieces({ pieces }: SentencePieceModel, withUserDefined: boolean): Json[] {
  return pieces
    .filter(({ type }) => type === PIECE_TYPES.control || (withUserDefined && type === PIECE_TYPES.userDefined))
    .map(({ text, type }) => ({ content: text, normalized: false, special: type === PIECE_TYPES.control }));
}

/** Merges by the places of what they make (`generate_merges`): of one piece, the shorter left part first. */
function bpeOf(pieces: readonly string[]): JsonObject {
  const places = new Map(pieces.map((text, id) => [text, id]));
  const merges: Json[] = [];
  for (const text of places.keys()) merges.push(...splitsOf(text, (part) => places.has(part)));
  return { vocab: Object.fromEntries(places), merges };
}

/** A piece cut in two, in all ways in which both are pieces. */
function splitsOf(text: string, isPiece: (part: string) => boolean): [string, string][] {
  const splits: [string, string][] = [];
  let at = 0;
  for (const character of text) {
    at += character.length;
    if (at < text.length && isPiece(text.slice(0, at)) && isPiece(text.slice(at))) {
      splits.push([text.slice(0, at), text.slice(at)]);
    }
  }
  return splits;
}

/** As SentencePiece itself encodes: its own normalization, merges by score, pieces that the maker defined whole. */
function generic(
  model: SentencePieceModel,
  settings: JsonObject,
  added: ReadonlyMap<number, string>,
): FromSentencePiece {
  const renamed = renamedPieces(model, added);
  const userDefined = model.pieces.flatMap(({ type }, id) => (type === PIECE_TYPES.userDefined ? [renamed[id]!] : []));
  const legacy = settings.legacy !== false;
  const { bosId, eosId, unkId, bosPiece, eosPiece, unkPiece } = model;
  return {
    json: {
      normalizer: genericNormalizer(model, legacy),
      pre_tokenizer: genericPreTokenizer(model, legacy, userDefined),
      decoder: genericDecoder(model),
      model:
        model.algorithm === 'bpe'
          ? {
              type: 'BPE',
              ...genericBpe(model, renamed),
              unk_token: unkPiece,
              fuse_unk: true,
              byte_fallback: model.byteFallback,
              ignore_merges: userDefined.length > 0,
            }
          : {
              type: 'Unigram',
              vocab: model.pieces.map(({ text, score }) => [text, score]),
              unk_id: unkId,
              byte_fallback: model.byteFallback,
            },
    },
    settings: { additional_special_tokens: specialPieces(model, false) },
    addedAreRaw: model.addDummyPrefix,
    defaults: {
      ...(bosId >= 0 && { bos_token: bosPiece }),
      ...(eosId >= 0 && { eos_token: eosPiece }),
      ...(unkId >= 0 && { unk_token: unkPiece }),
    },
  };
}

/** Python's `string.punctuation`. */
const PUNCTUATION = '[!-/:-@\\[-`{-~]';

/**
 * SigLIP's texts are changed in Python before SentencePiece sees them (`SiglipTokenizer.canonicalize_text`): small letters, no ASCII
 * punctuation, single spaces; then `</s>` ends them and fills the row. Of texts that hold special tokens themselves each stretch begins
 * with a space here, and one that ends with `</s>` gets another.
 */
function siglip(model: SentencePieceModel, settings: JsonObject): FromSentencePiece {
  const { json, defaults, ...made } = generic(model, { ...settings, legacy: true }, new Map());
  const clean: JsonObject[] = [
    ...(settings.do_lower_case === false ? [] : [{ type: 'Lowercase' }]),
    replace({ Regex: PUNCTUATION }, ''),
    replace({ Regex: '\\s+' }, ' '),
    { type: 'Strip', strip_left: true, strip_right: true },
  ];
  const eos = { SpecialToken: { id: model.eosPiece, type_id: 0 } };
  const text = (id: string): JsonObject => ({ Sequence: { id, type_id: 0 } });
  return {
    ...made,
    json: {
      ...json,
      normalizer: { type: 'Sequence', normalizers: [...clean, genericNormalizer(model, false)] },
      pre_tokenizer: { type: 'Metaspace', replacement: SPACE_MARK, prepend_scheme: 'always', split: false },
      post_processor: {
        type: 'TemplateProcessing',
        single: [text('A'), eos],
        pair: [text('A'), eos, text('B'), eos],
        special_tokens: { [model.eosPiece]: { id: model.eosPiece, ids: [model.eosId], tokens: [model.eosPiece] } },
      },
    },
    defaults: { ...defaults, pad_token: model.eosPiece },
  };
}

/** Pieces under the names that added tokens give their places, unless another piece has the name. */
function renamedPieces({ pieces, algorithm }: SentencePieceModel, added: ReadonlyMap<number, string>): string[] {
  if (algorithm !== 'bpe') return pieces.map(({ text }) => text);
  const kept = new Set(pieces.flatMap(({ text }, id) => (added.has(id) ? [] : [text])));
  return pieces.map(({ text }, id) => {
    const name = added.get(id);
    return name === undefined || kept.has(name) ? text : name;
  });
}

/** Only normal pieces are merged, the likeliest first, of equals by place. */
function genericBpe({ pieces }: SentencePieceModel, names: readonly string[]): JsonObject {
  const normal = new Map(
    pieces.flatMap(({ type, score }, id) =>
      type === PIECE_TYPES.normal ? [[names[id]!, { score, id }] as const] : [],
    ),
  );
  const ranked = [...normal].flatMap(([text, { score, id }]) =>
    splitsOf(text, (part) => normal.has(part)).map((merge) => ({ score, id, merge })),
  );
  ranked.sort((a, b) => b.score - a.score || a.id - b.id || compareText(a.merge[0], b.merge[0]));
  return { vocab: Object.fromEntries(names.map((text, id) => [text, id])), merges: ranked.map(({ merge }) => merge) };
}

/** By code points, as Python compares. */
function compareText(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

const SPACE_MARK = '\u2581';
const replace = (pattern: JsonObject, content: string): JsonObject => ({ type: 'Replace', pattern, content });

function genericNormalizer(model: SentencePieceModel, legacy: boolean): JsonObject {
  const { charsmap, removeExtraWhitespaces, escapeWhitespaces, addDummyPrefix } = model;
  const steps: JsonObject[] = [];
  if (charsmap !== undefined) steps.push({ type: 'Precompiled', precompiled_charsmap: charsmap });
  if (removeExtraWhitespaces) {
    steps.push(replace({ Regex: '\\A +| +\\z' }, ''), replace({ Regex: ' {2,}' }, ' '));
  }
  if (escapeWhitespaces) steps.push(replace({ String: ' ' }, SPACE_MARK));
  // Metaspace puts no mark before a text that begins with one
  if (addDummyPrefix && legacy) steps.push(replace({ Regex: `\\A${SPACE_MARK}` }, SPACE_MARK + SPACE_MARK));
  return { type: 'Sequence', normalizers: steps };
}

function genericPreTokenizer(
  { addDummyPrefix }: SentencePieceModel,
  legacy: boolean,
  userDefined: readonly string[],
): JsonObject | null {
  const steps: JsonObject[] = [];
  if (addDummyPrefix) {
    const scheme = legacy ? 'always' : 'first';
    steps.push({ type: 'Metaspace', replacement: SPACE_MARK, prepend_scheme: scheme, split: false });
  }
  if (userDefined.length > 0) {
    const longestFirst = [...userDefined].sort((a, b) => Array.from(b).length - Array.from(a).length);
    const pattern = longestFirst.map(escapeRegExp).join('|');
    steps.push({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false });
  }
  return steps.length === 0 ? null : { type: 'Sequence', pretokenizers: steps };
}

function genericDecoder({ byteFallback, addDummyPrefix }: SentencePieceModel): JsonObject {
  const fuse = { type: 'Fuse' };
  const steps: JsonObject[] = [replace({ String: SPACE_MARK }, ' ')];
  if (byteFallback) steps.push({ type: 'ByteFallback' });
  if (addDummyPrefix) steps.push(fuse, { type: 'Strip', content: ' ', start: 1, stop: 0 });
  else if (byteFallback) steps.push(fuse);
  return { type: 'Sequence', decoders: steps };
}
