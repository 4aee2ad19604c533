import { ConfigError, type Fusion, Matrix, type TokenizeOptions, type Tokenizer } from '@diptych/core';
import type { HostTensor } from '@diptych/train';
import type { Region } from './seen-region.js';

/** A word of a text, or several that the tokenizer makes one of. */
export interface Word {
  readonly text: string;
  /** Its place in the text, as `slice(start, end)` takes it. */
  readonly start: number;
  readonly end: number;
}

/** Where a model's fusion looks in a picture for each word of a text. */
export interface WordAttention {
  /** Those that the tokenizer did not cut off. */
  readonly words: readonly Word[];
  /** [words, rows * columns], row by row: the share of a word's attention that a part of the picture has. Rows sum to 1 or less. */
  readonly maps: Matrix;
  readonly rows: number;
  readonly columns: number;
  /** The part of the picture that the grid lies over. */
  readonly region: Region;
}

/** A word and its tokens' places. */
interface PlacedWord extends Word {
  readonly first: number;
  /** Behind the last. */
  readonly last: number;
}

/**
 * The tokens of each word, told by how many tokens the text up to it has; so it works for any tokenizer. Words are what Unicode's rules
 * cut (`Intl.Segmenter`), which know languages without spaces; signs between them are nobody's.
 */
export function wordsOf(text: string, tokenizer: Tokenizer, options: TokenizeOptions): PlacedWord[] {
  const segments = [...new Intl.Segmenter(undefined, { granularity: 'word' }).segment(text)].filter(
    ({ isWordLike }) => isWordLike,
  );
  // without the space before a word, which many tokenizers count to the word
  const cuts = segments.flatMap(({ index, segment }) => [
    text.slice(0, index).trimEnd(),
    text.slice(0, index + segment.length),
  ]);
  const rows = realIds(['', text, ...cuts], tokenizer, options);
  const [frame, whole, ...prefixes] = rows as [number[], number[], ...number[][]];
  const before = commonLength(frame, whole);
  const behind = frame.length - before;
  const words: PlacedWord[] = [];
  for (const [i, { index, segment }] of segments.entries()) {
    const [first, last] = [prefixes[2 * i]!.length - behind, prefixes[2 * i + 1]!.length - behind];
    const ends = whole.length - behind;
    // a tokenizer that joins letters across the cut reads the two words as one
    const apart = commonLength(prefixes[2 * i]!.slice(0, first), whole) === first;
    const previous = words.at(-1);
    if (!apart && previous) {
      const end = index + segment.length;
      words[words.length - 1] = { ...previous, text: text.slice(previous.start, end), end, last: Math.min(last, ends) };
    } else if (Math.min(last, ends) > first) {
      words.push({ text: segment, start: index, end: index + segment.length, first, last: Math.min(last, ends) });
    }
  }
  return words;
}

function realIds(texts: readonly string[], tokenizer: Tokenizer, options: TokenizeOptions): number[][] {
  const { inputIds, attentionMask, shape } = tokenizer.encode(texts, { truncation: true, ...options });
  const [, length] = shape as readonly [number, number];
  return texts.map((_, row) =>
    Array.from(inputIds.subarray(row * length, (row + 1) * length)).filter((_, i) => attentionMask[row * length + i]),
  );
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

/** The maps of a fusion that show where it looks for a word. @throws ConfigError without them */
export function textToImageMaps(where: string, fusion: Fusion | undefined): readonly string[] {
  const names = fusion?.textToImageMaps ?? [];
  if (names.length > 0) return names;
  throw new ConfigError({
    where,
    expected: 'a fusion whose text looks at parts of the picture',
    got: fusion ? `${fusion.describe?.().kind ?? 'another'}, which has no such maps` : 'a model without a fusion',
    remedy: 'train with fusion: new CoAttentionFusion({ embedDim }), see docs/fusion.md',
  });
}

/**
 * Attention of words over the picture: the mean over layers and heads, of a word's tokens the mean. The pooled vector's share is left out.
 *
 * @param maps each [1, heads, 1 + tokens, 1 + parts]
 * @param firstToken the place of the first real token in a row: padding may stand before it
 */
export function attentionOfWords(
  maps: readonly HostTensor[],
  words: readonly PlacedWord[],
  firstToken: number,
): Matrix {
  const parts = maps[0]!.shape[3]! - 1;
  const out = new Float32Array(words.length * parts);
  for (const { data, shape } of maps) {
    const [, heads, queries, keys] = shape as readonly [number, number, number, number];
    for (const [row, { first, last }] of words.entries()) {
      const weight = 1 / (maps.length * heads * (last - first));
      for (let head = 0; head < heads; head++) {
        for (let token = first; token < last; token++) {
          const from = (head * queries + 1 + firstToken + token) * keys + 1;
          for (let part = 0; part < parts; part++) out[row * parts + part]! += weight * data[from + part]!;
        }
      }
    }
  }
  return new Matrix(out, [words.length, parts]);
}

/**
 * Rows and columns of so many parts of a picture.
 *
 * @param height of what the network sees
 * @throws ConfigError for parts that are no grid
 */
export function gridOf(where: string, parts: number, height: number, width: number): readonly [number, number] {
  const rows = Math.max(1, Math.round(Math.sqrt((parts * height) / width)));
  if (parts % rows === 0) return [rows, parts / rows];
  throw new ConfigError({
    where,
    expected: `a grid of parts over ${height} x ${width} pixels`,
    got: `${parts} parts`,
    remedy: 'read model.attention(), which gives the maps as they are',
  });
}
