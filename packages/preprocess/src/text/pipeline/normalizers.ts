import { ConfigError, type Json } from '@diptych/core';
import { normalizeBert } from '../bert-normalizer.js';
import { characterClasses } from '../character-classes.js';
import { isObject } from '../definition.js';
import { bytesAsCharacters } from './byte-characters.js';
import { normalizeAsLibrary, withoutMarks } from './library-unicode.js';
import { patternFromJson } from './pattern.js';
import { precompiledNormalizer } from './precompiled.js';
import { lowerEach, WHITE_SPACE } from './unicode.js';

export type Normalizer = (text: string) => string;

const LEADING_SPACE = new RegExp(`^${WHITE_SPACE}+`, 'u');
const TRAILING_SPACE = new RegExp(`${WHITE_SPACE}+$`, 'u');
/** What `Nmt` drops, and what it makes a space. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it drops
const NMT_DROPPED = /[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/g;
const NMT_SPACE = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g;

/**
 * The `normalizer` of a `tokenizer.json`, as the library `tokenizers` applies it.
 *
 * @throws ConfigError for a kind that is not known
 */
export function normalizerFromJson(json: Json | undefined): Normalizer {
  if (json === null || json === undefined) return (text) => text;
  if (!isObject(json)) throw unknown(json);
  switch (json.type) {
    case 'Sequence': {
      const steps = (Array.isArray(json.normalizers) ? json.normalizers : []).map(normalizerFromJson);
      return (text) => steps.reduce((result, step) => step(result), text);
    }
    case 'BertNormalizer': {
      const lowercase = json.lowercase !== false;
      const options = {
        lowercase,
        stripAccents: typeof json.strip_accents === 'boolean' ? json.strip_accents : lowercase,
        handleChineseChars: json.handle_chinese_chars !== false,
        cleanText: json.clean_text !== false,
      };
      const classes = characterClasses();
      return (text) => normalizeBert(text, options, classes);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = json.type;
      return (text) => normalizeAsLibrary(text, form);
    }
    case 'Lowercase':
      return lowerEach;
    case 'StripAccents':
      return withoutMarks;
    case 'Strip': {
      const { strip_left: left, strip_right: right } = json;
      return (text) => {
        const rest = left ? text.replace(LEADING_SPACE, '') : text;
        return right ? rest.replace(TRAILING_SPACE, '') : rest;
      };
    }
    case 'Replace': {
      const pattern = patternFromJson(json.pattern, 'normalizer Replace');
      const content = String(json.content ?? '');
      return (text) => text.replace(pattern, () => content);
    }
    case 'Prepend': {
      const prefix = String(json.prepend ?? '');
      return (text) => (text === '' ? text : prefix + text);
    }
    case 'Nmt':
      return (text) => text.replace(NMT_DROPPED, '').replace(NMT_SPACE, ' ');
    case 'ByteLevel':
      return bytesAsCharacters;
    case 'Precompiled':
      return typeof json.precompiled_charsmap === 'string' && json.precompiled_charsmap !== ''
        ? precompiledNormalizer(json.precompiled_charsmap)
        : (text) => text;
    default:
      throw unknown(json.type);
  }
}

function unknown(got: Json | undefined): ConfigError {
  return new ConfigError({
    where: 'tokenizer.json: normalizer',
    expected:
      'BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend, Nmt, ByteLevel, Precompiled or a Sequence of them',
    got: typeof got === 'string' ? got : (JSON.stringify(got) ?? 'none'),
  });
}
