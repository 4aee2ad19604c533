import {
  type ImageTransform,
  InputError,
  type RgbImage,
  type SampleContext,
  SampleRandom,
  type Tokenizer,
} from '@diptych/core';
import { describe, expect, it } from 'vitest';
import { type Check, runChecks } from './check.js';
import { imageTransformChecks, testImageTransform } from './image-transform-contract.js';
import { testTokenizer, tokenizerChecks } from './tokenizer-contract.js';

/** Words by a hash, between a start and an end token. */
function words(): Tokenizer {
  const [padTokenId, vocabSize, own] = [0, 1000, 64];
  return {
    vocabSize,
    padTokenId,
    maxLength: own,
    encode(texts, { padding = 'longest', maxLength = own, truncation = false, padToMultipleOf = 1 } = {}) {
      const rows = texts.map((text) => {
        const list = (typeof text === 'string' ? text : text.join(' ')).split(/\s+/).filter(Boolean);
        const ids = list.map((word) => 3 + [...word].reduce((hash, c) => (hash * 31 + c.codePointAt(0)!) % 997, 7));
        if (ids.length + 2 > maxLength && !truncation) {
          throw new InputError({ where: 'words', expected: `at most ${maxLength} tokens`, got: `${ids.length + 2}` });
        }
        return [1, ...ids.slice(0, maxLength - 2), 2];
      });
      const longest = padding === 'max_length' ? maxLength : Math.max(...rows.map((row) => row.length));
      const length = Math.min(own, Math.ceil(longest / padToMultipleOf) * padToMultipleOf);
      const inputIds = new Int32Array(rows.length * length).fill(padTokenId);
      const attentionMask = new Int32Array(rows.length * length);
      for (const [i, row] of rows.entries()) {
        inputIds.set(row, i * length);
        attentionMask.fill(1, i * length, i * length + row.length);
      }
      return { shape: [rows.length, length], inputIds, attentionMask };
    },
    describe: () => ({ kind: 'example/words', options: {} }),
  };
}

/** Nearest pixels of a 4 x 5 grid, shifted at random in training. */
function nearest(): ImageTransform {
  const [height, width] = [4, 5];
  return {
    outputShape: [height, width, 3],
    async into(image, target, offset, context: SampleContext) {
      if (!(typeof image === 'object' && 'data' in image)) {
        throw new InputError({ where: 'nearest', problem: 'encoded pictures are not decoded here' });
      }
      const shift = context.training ? new SampleRandom(context, 1).integer(3) : 0;
      for (let i = 0; i < height * width * 3; i++) {
        const [row, column, channel] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width, i % 3];
        const y = Math.floor((row * image.height) / height);
        const x = Math.min(image.width - 1, Math.floor((column * image.width) / width) + shift);
        target[offset + i] = image.data[(y * image.width + x) * 3 + channel]! / 255;
      }
    },
    describe: () => ({ kind: 'example/nearest', options: { height, width } }),
  };
}

describe('parts that keep their contracts pass', () => {
  testTokenizer({ describe, it }, 'a tokenizer', { create: words, texts: ['more words'] });
  testImageTransform({ describe, it }, 'an image transform', { create: nearest });
});

async function failuresOf(checks: Check[]): Promise<string[]> {
  return (await runChecks(checks)).map(({ name }) => name);
}

describe('a broken tokenizer is found out', () => {
  const cases: [string, (part: Tokenizer) => Partial<Tokenizer>, string][] = [
    ['a vocabulary that is too small', () => ({ vocabSize: 100 }), 'gives arrays of the shape it says'],
    [
      'padding with another id',
      (part) => ({
        encode: (texts, options) => {
          const batch = part.encode(texts, options);
          return { ...batch, inputIds: batch.inputIds.map((id, i) => (batch.attentionMask[i] ? id : 5)) };
        },
      }),
      'gives arrays of the shape it says',
    ],
    [
      'rows that depend on their neighbours',
      (part) => ({
        encode: (texts, options) => {
          const batch = part.encode(texts, options);
          return {
            ...batch,
            inputIds: batch.inputIds.map((id, i) => (id > 2 ? 3 + ((id + batch.shape[0]! + i * 0) % 900) : id)),
          };
        },
      }),
      'encodes a text the same in any batch',
    ],
    [
      'always the full length',
      (part) => ({ encode: (texts, options) => part.encode(texts, { ...options, padding: 'max_length' }) }),
      'pads to the longest text',
    ],
    [
      'cutting unasked',
      (part) => ({ encode: (texts, options) => part.encode(texts, { ...options, truncation: true }) }),
      'cuts long texts only if allowed',
    ],
    [
      'one id for all words',
      (part) => ({
        encode: (texts, options) => {
          const batch = part.encode(texts, options);
          return { ...batch, inputIds: batch.inputIds.map((id) => Math.min(id, 3)) };
        },
      }),
      'tells different texts apart',
    ],
    ['no description', () => ({ describe: () => ({ kind: '', options: {} }) }), 'describes itself'],
  ];
  it.each(cases)('%s', async (_, change, failing) => {
    const part = words();
    const failed = await failuresOf(tokenizerChecks({ create: () => ({ ...part, ...change(part) }) }));
    expect(
      failed.some((name) => name.startsWith(failing)),
      failed.join() || 'nothing failed',
    ).toBe(true);
  });
});

describe('a broken image transform is found out', () => {
  const cases: [string, (into: ImageTransform['into']) => ImageTransform['into'], string][] = [
    [
      'writing a value too many',
      (into) => async (image, target, offset, context) => {
        await into(image, target, offset, context);
        target[offset + 60] = 0;
      },
      'writes finite numbers',
    ],
    [
      'leaving the last value out',
      (into) => async (image, target, offset, context) => {
        const last = target[offset + 59]!;
        await into(image, target, offset, context);
        target[offset + 59] = last;
      },
      'writes finite numbers',
    ],
    [
      'changing the picture',
      (into) => async (image, target, offset, context) => {
        await into(image, target, offset, context);
        (image as RgbImage).data[0]! ^= 1;
      },
      'leaves the picture as it was',
    ],
    [
      'hidden randomness',
      (into) => async (image, target, offset, context) => {
        await into(image, target, offset, context);
        target[offset] = Math.random();
      },
      'repeats itself',
    ],
    [
      'ignoring the picture',
      () => async (_image, target, offset) => {
        target.fill(0, offset, offset + 60);
      },
      'depends on the picture',
    ],
  ];
  it.each(cases)('%s', async (_, change, failing) => {
    const part = nearest();
    const failed = await failuresOf(imageTransformChecks({ create: () => ({ ...part, into: change(part.into) }) }));
    expect(
      failed.some((name) => name.startsWith(failing)),
      failed.join() || 'nothing failed',
    ).toBe(true);
  });

  it('not decoding what it is said to decode', async () => {
    const failed = await failuresOf(imageTransformChecks({ create: nearest, encoded: new Uint8Array([137, 80]) }));
    expect(failed).toEqual(['decodes encoded pictures, and refuses bytes that are none']);
  });
});
