import { ConfigError } from '@diptych/core';
import { fromBase64, utf8Bytes, utf8Text } from '../../bytes.js';

/** Longer clusters of characters are looked up one character at a time. */
const LONGEST_CLUSTER = 6;
const CACHE_SIZE = 16384;

/**
 * SentencePiece's table of normalizations (`precompiled_charsmap`): a trie in a double array (Aoe 1989, as darts-clone lays
 * it out) whose values are places in a list of texts. Applied as the library `spm_precompiled` does, which looks clusters of
 * fewer than six bytes up whole and takes the shortest entry that begins them.
 *
 * @throws ConfigError for a table that is cut off
 */
export function precompiledNormalizer(base64: string): (text: string) => string {
  const bytes = fromBase64(base64);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length >= 4 ? view.getUint32(0, true) : -1;
  if (size < 4 || size % 4 !== 0 || size + 4 > bytes.length) {
    throw new ConfigError({
      where: 'tokenizer.json: normalizer Precompiled',
      expected: 'precompiled_charsmap with its whole trie',
      got: `${bytes.length} bytes`,
    });
  }
  const units = new Uint32Array(size / 4);
  for (let i = 0; i < units.length; i++) units[i] = view.getUint32(4 + 4 * i, true);
  const texts = bytes.subarray(4 + size);

  const find = (part: string): string | undefined => {
    let at = offset(units[0]!);
    for (const byte of utf8Bytes(part)) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = units[at];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offset(unit);
      if ((unit >>> 8) & 1) {
        const start = units[at]! & 0x7fffffff;
        const end = texts.indexOf(0, start);
        return utf8Text(texts.subarray(start, end < 0 ? texts.length : end));
      }
    }
    return undefined;
  };

  const cache = new Map<string, string>();
  const cluster = (text: string): string => {
    const known = cache.get(text);
    if (known !== undefined) return known;
    const whole = utf8Bytes(text).length < LONGEST_CLUSTER ? find(text) : undefined;
    const result = whole ?? Array.from(text, (char) => find(char) ?? char).join('');
    if (cache.size >= CACHE_SIZE) cache.clear();
    cache.set(text, result);
    return result;
  };

  const plainAscii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).every(
    (char) => find(char) === undefined,
  );
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
  return (text) => {
    if (plainAscii && /^[ -~]*$/.test(text)) return text;
    let result = '';
    for (const { segment } of segmenter.segment(text)) result += cluster(segment);
    return result;
  };
}

function offset(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
}
