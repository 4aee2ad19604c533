import { ConfigError, type Json } from '@diptych/core';
import { joinBytes, utf8Bytes, utf8Text } from '../../bytes.js';
import { isObject } from '../definition.js';
import { BYTE_CHARACTERS } from './byte-characters.js';
import { cleanUpWordPiece, joinWordPiece } from './decode-word-pieces.js';
import { patternFromJson } from './pattern.js';

type Step = (tokens: readonly string[]) => readonly string[];

const BYTES: ReadonlyMap<string, number> = new Map(BYTE_CHARACTERS.map((char, byte) => [char, byte]));
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

/**
 * The `decoder` of a `tokenizer.json`: tokens to text. Without one, tokens are joined by spaces.
 *
 * @throws ConfigError for a kind that is not known
 */
export function decoderFromJson(json: Json | undefined): (tokens: readonly string[]) => string {
  if (json === null || json === undefined) return (tokens) => tokens.join(' ');
  const step = stepFromJson(json);
  return (tokens) => step(tokens).join('');
}

function stepFromJson(json: Json | undefined): Step {
  if (!isObject(json)) throw unknown(json);
  switch (json.type) {
    case 'Sequence': {
      const steps = (Array.isArray(json.decoders) ? json.decoders : []).map(stepFromJson);
      return (tokens) => steps.reduce((result, step) => step(result), tokens);
    }
    case 'WordPiece': {
      const prefix = typeof json.prefix === 'string' ? json.prefix : '##';
      return (tokens) =>
        tokens.map((token, i) => {
          const joined = joinWordPiece(token, i, prefix);
          return json.cleanup === false ? joined : cleanUpWordPiece(joined);
        });
    }
    case 'ByteLevel':
      return (tokens) => [utf8Text(joinBytes(tokens.map(bytesOf)))];
    case 'Metaspace': {
      const mark = typeof json.replacement === 'string' ? json.replacement : '\u2581';
      const keepsFirst = json.prepend_scheme === 'never' || json.add_prefix_space === false;
      return (tokens) => tokens.map((token, i) => token.replaceAll(mark, i === 0 && !keepsFirst ? '' : ' '));
    }
    case 'BPEDecoder': {
      const suffix = String(json.suffix ?? '</w>');
      return (tokens) => tokens.map((token, i) => token.replaceAll(suffix, i === tokens.length - 1 ? '' : ' '));
    }
    case 'Replace': {
      const pattern = patternFromJson(json.pattern, 'decoder Replace');
      const content = String(json.content ?? '');
      return (tokens) => tokens.map((token) => token.replace(pattern, () => content));
    }
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Strip':
      return (tokens) =>
        tokens.map((token) =>
          strip(token, String(json.content ?? ' '), Number(json.start ?? 0), Number(json.stop ?? 0)),
        );
    case 'ByteFallback':
      return joinByteTokens;
    default:
      throw unknown(json.type);
  }
}

/** Bytes that a token's characters stand for; a token of other characters is its own bytes. */
function bytesOf(token: string): Uint8Array {
  const bytes = Array.from(token, (char) => BYTES.get(char));
  return bytes.includes(undefined) ? utf8Bytes(token) : Uint8Array.from(bytes as number[]);
}

function joinByteTokens(tokens: readonly string[]): string[] {
  const result: string[] = [];
  let run: number[] = [];
  const flush = () => {
    if (run.length === 0) return;
    try {
      result.push(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(run)));
    } catch {
      result.push(...run.map(() => '\ufffd'));
    }
    run = [];
  };
  for (const token of tokens) {
    const byte = BYTE_TOKEN.exec(token)?.[1];
    if (byte !== undefined) {
      run.push(Number.parseInt(byte, 16));
    } else {
      flush();
      result.push(token);
    }
  }
  flush();
  return result;
}

function strip(token: string, content: string, start: number, stop: number): string {
  const chars = Array.from(token);
  let from = 0;
  let to = chars.length;
  while (from < start && from < to && chars[from] === content) from++;
  for (let cut = 0; cut < stop && to > from && chars[to - 1] === content; cut++) to--;
  return chars.slice(from, to).join('');
}

function unknown(got: Json | undefined): ConfigError {
  return new ConfigError({
    where: 'tokenizer.json: decoder',
    expected: 'WordPiece, ByteLevel, Metaspace, BPEDecoder, Replace, Fuse, Strip, ByteFallback or a Sequence of them',
    got: typeof got === 'string' ? got : (JSON.stringify(got) ?? 'none'),
  });
}
