import { ConfigError, type Json, type JsonObject } from '@diptych/core';
import { characterClasses, PUNCTUATION } from '../character-classes.js';
import { isObject } from '../definition.js';
import { bytesAsCharacters } from './byte-characters.js';
import { patternFromJson } from './pattern.js';
import { type Part, partsOf, type SplitBehavior, splitParts } from './split-text.js';
import { escapeRegExp, WHITE_SPACE, WORD } from './unicode.js';

/** A piece of a text; `first` where the text begins with it. */
export interface Piece {
  readonly text: string;
  readonly first: boolean;
}

/** Cuts pieces into smaller ones. */
export type PreTokenizer = (pieces: readonly Piece[]) => readonly Piece[];

const BEHAVIORS: { readonly [name: string]: SplitBehavior } = {
  removed: 'Removed',
  isolated: 'Isolated',
  mergedwithprevious: 'MergedWithPrevious',
  mergedwithnext: 'MergedWithNext',
  contiguous: 'Contiguous',
};
/** GPT-2's words. */
const BYTE_LEVEL_WORDS = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${WHITE_SPACE}\\p{L}\\p{N}]+|${WHITE_SPACE}+(?!\\P{White_Space})|${WHITE_SPACE}+`,
  'gu',
);
const SPACES = new RegExp(WHITE_SPACE, 'gu');
const WORDS = new RegExp(`[${WORD}]+|[^${WORD}${WHITE_SPACE}]+`, 'gu');
const NUMERIC = /\p{N}/gu;

/**
 * The `pre_tokenizer` of a `tokenizer.json`, as the library `tokenizers` applies it.
 *
 * @throws ConfigError for a kind that is not known
 */
export function preTokenizerFromJson(json: Json | undefined): PreTokenizer {
  if (json === null || json === undefined) return (pieces) => pieces;
  if (!isObject(json)) throw unknown(json);
  switch (json.type) {
    case 'Sequence': {
      const steps = (Array.isArray(json.pretokenizers) ? json.pretokenizers : []).map(preTokenizerFromJson);
      return (pieces) => steps.reduce((result, step) => step(result), pieces);
    }
    case 'BertPreTokenizer':
      return splitting(splitBert(characterClasses()));
    case 'Whitespace':
      return splitting((text) => text.match(WORDS) ?? []);
    case 'WhitespaceSplit':
      return splitting((text) => splitParts(partsOf(text, SPACES), 'Removed'));
    case 'ByteLevel': {
      const { add_prefix_space: prefix, use_regex: words } = json;
      return splitting((text) => {
        const whole = prefix !== false && !text.startsWith(' ') ? ` ${text}` : text;
        return (words === false ? [whole] : splitParts(partsOf(whole, BYTE_LEVEL_WORDS), 'Isolated')).map(
          bytesAsCharacters,
        );
      });
    }
    case 'Metaspace':
      return metaspace(json);
    case 'Split': {
      const pattern = patternFromJson(json.pattern, 'pre_tokenizer Split');
      const behavior = behaviorOf(json.behavior, 'Split');
      return splitting((text) => {
        const parts = partsOf(text, pattern);
        return splitParts(
          json.invert ? parts.map((part) => ({ text: part.text, matched: !part.matched })) : parts,
          behavior,
        );
      });
    }
    case 'Punctuation': {
      const behavior = behaviorOf(json.behavior ?? 'Isolated', 'Punctuation');
      const classes = characterClasses();
      return splitting((text) => splitParts(punctuationParts(text, classes), behavior));
    }
    case 'Digits': {
      const behavior = json.individual_digits ? 'Isolated' : 'Contiguous';
      return splitting((text) => splitParts(partsOf(text, NUMERIC), behavior));
    }
    case 'CharDelimiterSplit': {
      const delimiter = new RegExp(escapeRegExp(String(json.delimiter)), 'gu');
      return splitting((text) => splitParts(partsOf(text, delimiter), 'Removed'));
    }
    default:
      throw unknown(json.type);
  }
}

/** Whether every space between two words is a place where words end, so that a text may be read in parts. */
export function endsWordsAtSpaces(json: Json | undefined): boolean {
  if (!isObject(json)) return false;
  if (json.type === 'Sequence') return Array.isArray(json.pretokenizers) && json.pretokenizers.some(endsWordsAtSpaces);
  if (json.type === 'Metaspace') return json.split !== false;
  if (json.type === 'ByteLevel') return json.use_regex !== false;
  // the expressions of published tokenizers keep at most one space, before a word
  if (json.type === 'Split')
    return isObject(json.pattern) && typeof json.pattern.Regex === 'string' && json.pattern.Regex.includes('\\p{L}');
  return ['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit'].includes(String(json.type));
}

function splitting(split: (text: string) => readonly string[]): PreTokenizer {
  return (pieces) => {
    const result: Piece[] = [];
    for (const { text, first } of pieces) {
      let at = 0;
      for (const part of split(text)) {
        // a part that was moved or changed is first only if the text begins with it
        if (part !== '') result.push({ text: part, first: first && at === 0 && text.startsWith(part[0]!) });
        at += part.length;
      }
    }
    return result;
  };
}

/** The library's own table of punctuation is as old as BERT's. */
function punctuationParts(text: string, classes: Uint8Array): Part[] {
  const parts: Part[] = [];
  let word = '';
  for (const char of text) {
    if (!(classes[char.codePointAt(0)!]! & PUNCTUATION)) {
      word += char;
      continue;
    }
    if (word !== '') parts.push({ text: word, matched: false });
    word = '';
    parts.push({ text: char, matched: true });
  }
  if (word !== '') parts.push({ text: word, matched: false });
  return parts;
}

function splitBert(classes: Uint8Array): (text: string) => readonly string[] {
  return (text) => {
    const words: string[] = [];
    let word = '';
    const flush = () => {
      if (word !== '') words.push(word);
      word = '';
    };
    for (const char of text) {
      if (/\p{White_Space}/u.test(char)) {
        flush();
      } else if (classes[char.codePointAt(0)!]! & PUNCTUATION) {
        flush();
        words.push(char);
      } else {
        word += char;
      }
    }
    flush();
    return words;
  };
}

/** SentencePiece's spaces: each becomes ▁, which begins the words. */
function metaspace(json: JsonObject): PreTokenizer {
  const mark = typeof json.replacement === 'string' ? json.replacement : '\u2581';
  const legacy = json.add_prefix_space === false ? 'never' : 'always';
  const scheme = typeof json.prepend_scheme === 'string' ? json.prepend_scheme : legacy;
  const marks = new RegExp(escapeRegExp(mark), 'gu');
  return (pieces) =>
    pieces.flatMap(({ text, first }) => {
      const marked = text.replaceAll(' ', mark);
      const prepends = !marked.startsWith(mark) && (scheme === 'always' || (scheme === 'first' && first));
      const whole = prepends ? mark + marked : marked;
      const words = json.split === false ? [whole] : splitParts(partsOf(whole, marks), 'MergedWithNext');
      return words.map((word, i) => ({ text: word, first: first && i === 0 }));
    });
}

function behaviorOf(value: Json | undefined, kind: string): SplitBehavior {
  const behavior = typeof value === 'string' ? BEHAVIORS[value.toLowerCase().replaceAll('_', '')] : undefined;
  if (behavior) return behavior;
  throw new ConfigError({
    where: `tokenizer.json: pre_tokenizer ${kind}`,
    expected: `behavior ${Object.values(BEHAVIORS).join(', ')}`,
    got: JSON.stringify(value) ?? 'none',
  });
}

function unknown(got: Json | undefined): ConfigError {
  return new ConfigError({
    where: 'tokenizer.json: pre_tokenizer',
    expected:
      'BertPreTokenizer, Whitespace, WhitespaceSplit, ByteLevel, Metaspace, Split, Punctuation, Digits, CharDelimiterSplit or a Sequence of them',
    got: typeof got === 'string' ? got : (JSON.stringify(got) ?? 'none'),
  });
}
